"""How a trial stands among those of its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bonag.plots.measured import column, feasible
from bonag.plots.pareto import better_sign
from bonag.ui.filters import number
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective


@dataclass(frozen=True)
class Row:
    """One metric of a trial.

    roles: what the objective wants of it, in words. kept: for a constrained metric whether all its bounds are met.
    best, best_trial: the best value among the trials that meet the constraints, and whose it is. rank: among ``of``
    such trials, 1 for the best; None where the trial is not one of them, or where nothing tells which way is better.
    """

    metric: str
    value: float
    roles: tuple[str, ...]
    kept: bool | None
    best: float | None
    best_trial: int | None
    rank: int | None
    of: int


def trials_with_values(history: History, objective: Objective) -> list[Trial]:
    """The completed trials that have a finite value of every metric of the objective."""
    trials = list(history.completed)
    known = np.isfinite(np.stack([column(trials, metric) for metric in objective.metrics], axis=1)).all(axis=1)
    return [trial for trial, there in zip(trials, known, strict=True) if there]


def trials_within_bounds(history: History, objective: Objective) -> list[Trial]:
    """Those of the ``measured`` trials that meet the constraints."""
    trials = trials_with_values(history, objective)
    return [trial for trial, good in zip(trials, feasible(trials, objective), strict=True) if good]


def state(trial: Trial, objective: Objective) -> str:
    """The trial's status, or for a completed one of a run with constraints ``feasible`` or ``infeasible``."""
    if trial.status is not TrialStatus.COMPLETED or not objective.constraints:
        return str(trial.status)
    return "feasible" if feasible([trial], objective)[0] else "infeasible"


def overall(history: History, objective: Objective, trial: Trial) -> str | None:
    """One sentence on how good the trial is, or None for one without values."""
    if not any(other.index == trial.index for other in trials_with_values(history, objective)):
        return None
    good = trials_within_bounds(history, objective)
    slacks = {c: float(c.slack(np.array(trial.metrics[c.metric]))) for c in objective.constraints}
    broken = [f"{c} (by {number(-slack, 4)})" for c, slack in slacks.items() if slack < 0]
    if broken:
        return f"It breaks {' and '.join(broken)}"
    if len(objective.goals) > 1:
        front = {other.index for other in objective.front(History(good))}
        if trial.index in front:
            return (
                f"On the Pareto front of {len(front):,}: no other trial is better in one goal and as good in the rest"
            )
        return f"Not on the Pareto front, which has {len(front):,} trials: at least one of them beats it"
    scores = objective.goal.sign * column(good, objective.goal.metric)
    own = objective.goal.sign * trial.metrics[objective.goal.metric]
    rank = 1 + int((scores > own).sum())
    among = "trials that meet the constraints" if objective.constraints else "completed trials"
    return f"Rank {rank:,} of {len(good):,} {among}" if rank > 1 else f"The best of {len(good):,} {among}"


def rows(history: History, objective: Objective, trial: Trial) -> list[Row]:
    """All metrics of the trial, those of the objective first."""
    good = trials_within_bounds(history, objective)
    names = [*objective.metrics, *sorted(set(trial.metrics) - set(objective.metrics))]
    return [_row(name, good, objective, trial) for name in names if name in trial.metrics]


def _row(metric: str, good: Sequence[Trial], objective: Objective, trial: Trial) -> Row:
    value, sign = float(trial.metrics[metric]), better_sign(metric, objective)
    roles = ["maximised" if goal.maximise else "minimised" for goal in objective.goals if goal.metric == metric]
    bounds = [constraint for constraint in objective.constraints if constraint.metric == metric]
    kept = all(bool(bound.slack(np.array(value)) >= 0) for bound in bounds) if bounds else None
    best, whose, rank, values = None, None, None, column(good, metric)
    known = np.flatnonzero(np.isfinite(values))
    if sign is not None and len(known):
        place = known[np.argmax(sign * values[known])]
        best, whose = float(values[place]), good[place].index
        if any(other.index == trial.index for other in good) and np.isfinite(value):
            rank = 1 + int((sign * values[known] > sign * value).sum())
    shown = tuple(roles + [f"kept {bound.relation} {bound.bound:g}" for bound in bounds])
    return Row(metric, value, shown, kept, best, whose, rank, len(known))
