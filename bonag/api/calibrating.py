"""How well an evaluator that estimates ranks networks that were measured, before a search trusts it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bonag.api.known import measured_rows
from bonag.api.parts import EvaluatorLike
from bonag.evaluators import make_evaluator, task_names
from bonag.insight.calibration import Calibration, compare
from bonag.names import EvaluatorName, SpaceName
from bonag.on_demand.measuring import measure
from bonag.record import find_run
from bonag.record.folder import read_config
from loops.metric_units import is_cost
from loops.objective import Goal
from loops.protocols import Evaluator
from search_spaces import Architecture, SearchSpace, get_space
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion
from search_spaces.registry import PYTHON, name_of


def calibrate(
    source: str | Path,
    space: SpaceName | str | SearchSpace | None = None,
    evaluator: EvaluatorName | EvaluatorLike = None,
    task: str | None = None,
    metric: str | None = None,
    data: str | Path | None = None,
    seed: int = 0,
    out: str | Path = "results",
) -> Calibration:
    """Compare an evaluator that looks up or estimates with networks that were measured; what ``bonag calibrate`` does.

    source: a run, finished or not, or a CSV file with a column ``architecture`` and one of the metric, as ``known`` of
    ``search``. space: by default the run's. evaluator: by default the space's first, mostly ``surrogate``. task: by
    default that of the run, where the evaluator has it, else the evaluator's first. metric: with a minus before it
    where less is better, as it is of a cost; by default the run's first objective, or ``accuracy``. seed: of the
    bootstrap.

    Raises UserError, also where fewer than five networks were measured.
    """
    source, out, folder = str(source), Path(out), None if data is None else Path(data)
    config = None if Path(source).is_file() else read_config(find_run(source, out))
    if space is None and config is None:
        raise UserError(f"{source} does not say of which space its architectures are: add --space")
    found = get_space(space if space is not None else config.space)  # type: ignore[union-attr]
    goal = _goal(metric or (str(config.parsed_objective().goals[0]) if config else "accuracy"))
    if task is None and config is not None and isinstance(evaluator, str | None):
        task = config.task if config.task in task_names(found.name, evaluator, folder) else None
    judge = make_evaluator(found, evaluator, task, folder, metrics=(goal.metric,))
    name = getattr(judge, "name", None) or name_of(evaluator).removeprefix(PYTHON)
    task = getattr(judge, "task", None)
    if config is not None and (config.evaluator, config.task) == (name, task):
        raise UserError(f"run '{source}' was evaluated by '{name}' itself: it must have been measured otherwise")
    if isinstance(evaluator, str | None) and ":" not in (evaluator or "") and not getattr(judge, "looks_up", False):
        raise UserError(f"evaluator '{name}' measures networks itself: calibrate one that looks up or estimates")
    architectures, measured = _measured(source, found, goal.metric, out)
    estimated, sd = _estimated(found, judge, architectures, goal.metric)
    names = {"source": source, "space": found.name, "evaluator": name, "task": task, "metric": goal.metric}
    return compare(measured, estimated, sd, goal.sign, seed, **names)


def _goal(text: str) -> Goal:
    """The metric and whether less of it is better, as it is of a cost."""
    try:
        return Goal.parse(f"-{text}" if is_cost(text) else text)
    except ValueError:
        raise UserError(f"metric '{text}' is not the name of a metric, as in accuracy or -latency_note10") from None


def _measured(source: str, space: SearchSpace, metric: str, out: Path) -> tuple[list[Architecture], np.ndarray]:
    """Distinct architectures and their (n,) values, the first of each."""
    values: dict[Architecture, float] = {}
    for where, architecture, metrics in measured_rows(source, space, out):
        if metric not in metrics:
            raise UserError(f"{where} has no '{metric}': {suggestion(metric, list(metrics))}")
        values.setdefault(architecture, metrics[metric])
    return list(values), np.array(list(values.values()))


def _estimated(
    space: SearchSpace, judge: Evaluator, architectures: list[Architecture], metric: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """The (n,) values and their standard deviations, if the evaluator gives them; nan where it has none."""
    spread = f"{metric}_sd"
    names = [metric, spread] if spread in judge.metrics else [metric]
    values, _ = measure(space, judge, architectures, names)
    return values[metric], values.get(spread)
