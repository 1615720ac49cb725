"""The metrics of trials, counted costs among them, and the front of any two."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from bonag.api.found import known_costs
from bonag.plots.measured import column, feasible
from bonag.plots.pareto import better_sign, front_of
from bonag.ui.source import View
from loops.history import History, Trial
from loops.objective import Objective
from search_spaces import SearchSpace
from search_spaces.architecture import COUNTED


@lru_cache(maxsize=8)
def with_costs(view: View) -> History:
    """The view's history, in which the completed trials have ``params`` and ``macs`` among their metrics."""
    return view.history if view.space is None else History(_add_costs(view.space, trial) for trial in view.history)


def _add_costs(space: SearchSpace, trial: Trial) -> Trial:
    return replace(trial, metrics={**known_costs(trial, space), **trial.metrics}) if trial.metrics else trial


def metrics(history: History, objective: Objective) -> list[str]:
    """All metrics that any completed trial has, those of the objective first."""
    known = {name for trial in history.completed for name in trial.metrics}
    return [*objective.metrics, *sorted(known.difference(objective.metrics))]


def default(names: Sequence[str], objective: Objective) -> tuple[str, str]:
    """The two metrics that are shown unasked, (x, y): of the first two goals the first on y, since its best is wanted
    at the top; else the objective over what is bounded, or a latency, or a count."""
    y = objective.goals[0].metric
    if len(objective.goals) > 1:
        return objective.goals[1].metric, y
    costs = [c.metric for c in objective.constraints]
    costs += [name for name in names if name.startswith("latency")]
    costs += [name for name in COUNTED if name in names]
    return next((name for name in [*costs, *names] if name != y), y), y


def front(history: History, objective: Objective, x: str, y: str) -> list[Trial]:
    """The feasible trials that no other one beats in both metrics, best by the first goal first; by y if that is
    neither. Empty where nothing tells which way a metric is better."""
    trials = [trial for trial in history.completed if np.isfinite(column([trial], x) + column([trial], y)).all()]
    signs = better_sign(x, objective), better_sign(y, objective)
    met = feasible(trials, objective)
    chosen = [trials[row] for row in np.flatnonzero(front_of(column(trials, x), column(trials, y), met, *signs))]
    lead = objective.goals[0].metric if objective.goals[0].metric in (x, y) else y
    sign = better_sign(lead, objective) or 1.0
    return sorted(chosen, key=lambda trial: (-sign * trial.metrics[lead], trial.index))


def table(trials: Sequence[Trial], names: Sequence[str]) -> str:
    """The trials as CSV: trial, architecture, one column per metric, empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "architecture", *names])
    for trial in trials:
        writer.writerow([trial.index, str(trial.architecture), *(trial.metrics.get(name, "") for name in names)])
    return text.getvalue()
