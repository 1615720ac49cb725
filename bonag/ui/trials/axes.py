"""Which metrics a front can be drawn of, and the front of two of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from bonag.plots.measured import column, feasible
from bonag.plots.pareto import front_of, wanted
from loops.history import History, Trial
from loops.objective import Objective
from search_spaces.space import COUNTED


def metrics(history: History, objective: Objective) -> list[str]:
    """All metrics that any completed trial has, those of the objective first."""
    known = {name for trial in history.completed for name in trial.metrics}
    first = list(objective.metrics)
    return [*first, *sorted(known.difference(first))]


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
    signs = wanted(x, objective), wanted(y, objective)
    met = feasible(trials, objective.constraints)
    chosen = [trials[row] for row in np.flatnonzero(front_of(column(trials, x), column(trials, y), met, *signs))]
    lead = objective.goals[0].metric if objective.goals[0].metric in (x, y) else y
    sign = wanted(lead, objective) or 1.0
    return sorted(chosen, key=lambda trial: (-sign * trial.metrics[lead], trial.index))


def table(trials: Sequence[Trial], names: Sequence[str]) -> str:
    """The trials as CSV: trial, architecture, one column per metric, empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "architecture", *names])
    for trial in trials:
        writer.writerow([trial.index, str(trial.architecture), *(trial.metrics.get(name, "") for name in names)])
    return text.getvalue()
