"""The parts of a run, put together from its configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bonag.api.callable_evaluator import CallableEvaluator, qualified_name
from bonag.api.counting_evaluator import CountingEvaluator
from bonag.record.reading import space_of
from bonag.strategies import BASELINES, make_strategy
from loops.config import RunConfig
from loops.objective import Objective
from loops.protocols import Evaluator, Strategy
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion
from search_spaces.space import COUNTED

# What users may give as an evaluator: a name, an Evaluator, or a function of the architecture.
EvaluatorLike = str | Evaluator | Callable[[Architecture], Any] | None
# In a configuration that is being made: the space's default evaluator, whichever that is.
DEFAULT = ""
# In a configuration, the mark of an evaluator that is a Python object and so cannot be made again from its name.
PYTHON = "python:"
# In a configuration, that trials are asked for and told, and not evaluated by bonag.
ASK_AND_TELL = "ask-and-tell"


@dataclass(frozen=True)
class Parts:
    """What a loop needs beside its configuration, executor and record."""

    space: SearchSpace
    objective: Objective
    evaluator: Evaluator
    strategy: Strategy


def make_parts(config: RunConfig, evaluator: EvaluatorLike = None, space: SearchSpace | None = None) -> Parts:
    """The parts that the configuration names; raises UserError for the first that there is not.

    evaluator: the Python object, where the configuration says that it was one.
    """
    space = space or space_of(config)
    objective = config.parsed_objective()
    made = _evaluator(config, evaluator, space, objective)
    missing = [metric for metric in objective.metrics if metric not in made.metrics]
    for metric in missing:
        if metric not in COUNTED:
            known = (*made.metrics, *(name for name in COUNTED if name not in made.metrics))
            raise UserError(
                f"evaluator '{config.evaluator}' of space '{space.name}' measures no '{metric}': "
                f"{suggestion(metric, known)} (a minus before it minimises)"
            )
    if missing:
        made = CountingEvaluator(space, made, missing)
    return Parts(space, objective, made, make_run_strategy(config, space, objective))


def measured_metrics(objective: Objective) -> tuple[str, ...]:
    """The objective's metrics that somebody has to measure: all but exact counts, unless there are no others."""
    return tuple(metric for metric in objective.metrics if metric not in COUNTED) or objective.metrics


def evaluator_name(evaluator: EvaluatorLike) -> str:
    """How a configuration names the evaluator."""
    if evaluator is None:
        return DEFAULT
    return evaluator if isinstance(evaluator, str) else PYTHON + qualified_name(evaluator)


def resolve_device(device: str, strategy: str) -> str:
    """``cpu`` or ``cuda``; raises UserError where CUDA was asked for and there is none."""
    if device == "cpu" or (device == "auto" and strategy in BASELINES):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise UserError("there is no device 'cuda': PyTorch finds none here (a new run may take cpu or auto)")
    return "cpu"


def default_threads() -> int:
    """OMP_NUM_THREADS where that is set, else one.

    The matrices are small: a second thread gains nothing on idle cores, and on busy ones threads wait for each other.
    """
    wish = os.environ.get("OMP_NUM_THREADS", "")
    return int(wish) if wish.isdigit() and int(wish) > 0 else 1


def _evaluator(config: RunConfig, given: EvaluatorLike, space: SearchSpace, objective: Objective) -> Evaluator:
    if config.evaluator.startswith(PYTHON):
        name = config.evaluator.removeprefix(PYTHON)
        if given is None or isinstance(given, str):
            raise UserError(
                f"run '{config.name}' was evaluated by the Python object {name}, which no record can hold: "
                "give it again, as in bonag.resume(path, evaluator=...)"
            )
        if hasattr(given, "evaluate") and hasattr(given, "metrics"):
            return cast(Evaluator, given)
        return CallableEvaluator(given, measured_metrics(objective))
    if config.evaluator == ASK_AND_TELL:
        raise UserError(f"run '{config.name}' is led by ask and tell: go on with it by bonag.AskTell(path=...)")
    if given is not None and given != config.evaluator:
        raise UserError(f"run '{config.name}' is evaluated by '{config.evaluator}' and not by {evaluator_name(given)}")
    from bonag.evaluators import make_evaluator

    return make_evaluator(space, config.evaluator or None, config.task, Path(config.data) if config.data else None)


def make_run_strategy(config: RunConfig, space: SearchSpace, objective: Objective) -> Strategy:
    """The strategy on the run's device and threads; raises UserError."""
    if config.strategy not in BASELINES:
        resolve_device(config.device, config.strategy)
    strategy = make_strategy(
        config.strategy, space, objective, config.device, acquisition=config.acquisition, predictor=config.predictor
    )
    if "torch" in sys.modules:
        # The number of threads decides how sums are split, and so the last bits of a predictor.
        sys.modules["torch"].set_num_threads(config.threads)
    return strategy
