"""Ax experiments from files and databases of others: data, of which nothing may run.

Ax's loaders are not made for that, in two ways. They hand the texts of objectives and constraints to SymPy, whose
parser evaluates them as Python. And they make an object of every class that a file names in "__type", of some 150 that
include runners, data sets and benchmark problems. So what is read here may name only the classes below, which hold
values and do nothing; runners and generators' states, of which no page shows anything, are left out before Ax sees
them; metrics become plain ones; and while Ax works on such an experiment, SymPy takes sums of numbers times names only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from ax.core.experiment import Experiment
from ax.storage.json_store.decoder import object_from_json
from ax.storage.json_store.registry import CORE_DECODER_REGISTRY
from ax.storage.sqa_store import db
from ax.storage.sqa_store.load import load_experiment
from ax.storage.sqa_store.sqa_config import SQAConfig
from sqlalchemy.orm import scoped_session, sessionmaker
from sympy.parsing import sympy_parser  # type: ignore[import-untyped]

from search_spaces.errors import UserError

# fmt: off
# Classes that hold values: their constructors open, import and call nothing.
VALUES = frozenset((
    "AbandonedArm", "Arm", "BatchTrial", "ChoiceParameter", "ComparisonOp", "Data", "DataFrame", "DataType",
    "DerivedParameter", "DomainType", "Experiment", "ExperimentStatus", "FixedParameter", "GeneratorRun",
    "GeneratorRunStruct", "HierarchicalSearchSpace", "Keys", "MapData", "MapMetric", "Metric", "MultiObjective",
    "MultiObjectiveOptimizationConfig", "MultiTypeExperiment", "Objective", "ObjectiveThreshold",
    "OptimizationConfig", "OrderConstraint", "OrderedDict", "OutcomeConstraint", "ParameterConstraint",
    "ParameterConstraintType", "ParameterType", "PreferenceOptimizationConfig", "RangeParameter",
    "ScalarizedObjective", "ScalarizedOutcomeConstraint", "SearchSpace", "SumConstraint", "Trial", "TrialStatus",
    "TrialType", "datetime", "set",
))
# Of a generator's run: what it knew, which is large, and not shown.
_KNOWLEDGE = (
    "optimization_config", "search_space", "model_predictions", "best_arm_predictions", "objective_thresholds",
    "generator_kwargs", "adapter_kwargs", "gen_metadata", "generator_state_after_gen",
    "candidate_metadata_by_arm_signature", "model_kwargs", "bridge_kwargs", "model_state_after_gen",
)
# fmt: on
# By class, the fields of which no page shows anything, and what stands there instead.
_LEFT_OUT: dict[str, dict[str, Any]] = {
    "Experiment": {"runner": None, "_trial_type_to_runner": None, "properties": {}},
    "Trial": {"runner": None, "run_metadata": {}, "stop_metadata": {}, "properties": {}},
    "GeneratorRun": dict.fromkeys(_KNOWLEDGE),
}
_LEFT_OUT["MultiTypeExperiment"] = _LEFT_OUT["Experiment"]
_LEFT_OUT["BatchTrial"] = _LEFT_OUT["Trial"]
_METRIC = ("name", "lower_is_better", "signature_override")
_ARITHMETIC = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UAdd, ast.USub, ast.Compare,
    ast.LtE, ast.GtE, ast.Lt, ast.Gt, ast.Tuple, ast.Name, ast.Load, ast.Constant,
)  # fmt: skip
_LONGEST = 20_000


def decode(content: dict[str, Any]) -> Experiment:
    """The Ax experiment of the parsed JSON of one; raises UserError, or whatever Ax raises on what is broken."""
    with arithmetic_only():
        experiment = object_from_json(_harmless(content, "the experiment"), _decoder_registry(), {})
    if not isinstance(experiment, Experiment):
        raise UserError("the file holds no Ax experiment")
    return experiment


def load_stored(name: str, engine: sa.Engine) -> Experiment:
    """The experiment of an Ax SQL store, without connection to it.

    Not by Client.load_from_database: it writes everything it has read back. Ax finds its database through a variable
    of its module; that is set for this call only.
    """
    config = SQAConfig(json_decoder_registry=_decoder_registry(), json_class_decoder_registry={})
    before = db.SESSION_FACTORY
    sessions = scoped_session(sessionmaker(bind=engine, expire_on_commit=False))
    try:
        db.SESSION_FACTORY = sessions
        with arithmetic_only():
            return load_experiment(
                name,
                config=config,
                # Without the generators' states, the runners, and how metrics are fetched.
                reduced_state=True,
                skip_runners_and_metrics=True,
                load_auxiliary_experiments=False,
            )
    finally:
        sessions.remove()
        db.SESSION_FACTORY = before


def _decoder_registry() -> dict[str, Any]:
    """Ax's table of classes by the names in "__type", cut down to those that hold values."""
    return {name: kind for name, kind in CORE_DECODER_REGISTRY.items() if name in VALUES}


@contextmanager
def arithmetic_only() -> Iterator[None]:
    """Meanwhile SymPy reads no text but sums of numbers times names, and comparisons of such; else UserError."""
    before = sympy_parser.parse_expr

    def parse(text: str, *args: Any, **options: Any) -> Any:
        _check_arithmetic(text)
        return before(text, *args, **options)

    sympy_parser.parse_expr = parse
    try:
        yield
    finally:
        sympy_parser.parse_expr = before


def _check_arithmetic(text: str) -> None:
    try:
        tree = ast.parse(text.strip(), mode="eval") if len(text) <= _LONGEST else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None or not all(isinstance(node, _ARITHMETIC) for node in ast.walk(tree)):
        raise UserError(f"'{_short(text)}' is no sum of metrics or parameters, and nothing else is evaluated")
    if not all(isinstance(node.value, int | float) for node in ast.walk(tree) if isinstance(node, ast.Constant)):
        raise UserError(f"'{_short(text)}' holds something else than numbers and names")


def _harmless(value: Any, where: str) -> Any:
    """The JSON value without what is left out; raises UserError for a class that is not among VALUES."""
    if isinstance(value, list):
        return [_harmless(item, where) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("__type")
    if kind is None:
        return {name: _harmless(item, str(name)) for name, item in value.items()}
    if isinstance(kind, str) and kind not in ("Metric", "MapMetric") and {"name", "lower_is_better"} <= value.keys():
        # A metric of a class of somebody's own: how it is fetched is not needed to show what was measured.
        return {"__type": "Metric", **{name: value[name] for name in _METRIC if name in value}}
    if kind not in VALUES:
        raise UserError(f"'{_short(where)}' holds a '{_short(str(kind))}', which is not read from Ax files")
    left_out = _LEFT_OUT.get(kind, {})
    return {
        name: left_out[name] if name in left_out else _harmless(item, f"{where}.{name}") for name, item in value.items()
    }


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:80]}..."
