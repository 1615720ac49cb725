"""How a run stands, in a few numbers and its best trials: what its page and its report both begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bonag.ui.source import View
from bonag.ui.trials.standing import measured, met
from loops.history import History, Trial, TrialStatus


@dataclass(frozen=True)
class Best:
    """A trial that is best in some metrics; in none where it is only the nearest to what is wanted."""

    metrics: tuple[str, ...]
    trial: Trial


@dataclass(frozen=True)
class Overview:
    """counts: of trials by their status. feasible: completed ones that meet the constraints. best: see ``best_of``.

    front: how many trials are on it, of several goals. proposals, evaluations: seconds that were spent on them.
    """

    counts: Mapping[TrialStatus, int]
    feasible: int
    best: list[Best]
    front: int | None
    proposals: float
    evaluations: float


def overview_of(view: View) -> Overview:
    """What there is to say before the trials are looked at one by one."""
    history, objective = view.history, view.objective
    several = len(objective.goals) > 1 and len(history.completed) > 0
    return Overview(
        {status: sum(trial.status is status for trial in history) for status in TrialStatus},
        int(objective.feasible(history).sum()) if objective.constraints else len(history.completed),
        best_of(view),
        len(objective.front(history)) if several else None,
        sum(trial.proposal_seconds or 0.0 for trial in history),
        sum(trial.evaluation_seconds or 0.0 for trial in history),
    )


def best_of(view: View) -> list[Best]:
    """The best trial, or of several goals the front's best by each; the nearest where none meets the constraints."""
    history, objective = view.history, view.objective
    good = History(met(history, objective))
    if not len(good):
        known = History(measured(history, objective))
        return [Best((), objective.best(known)[0])] if len(known) else []
    if len(objective.goals) == 1:
        return [Best(objective.metrics[:1], objective.best(good)[0])]
    names: dict[int, list[str]] = {}
    front = {trial.index: trial for trial in objective.front(good)}
    for goal in objective.goals:
        best = max(front.values(), key=lambda trial: (goal.sign * trial.metrics[goal.metric], -trial.index))
        names.setdefault(best.index, []).append(goal.metric)
    return [Best(tuple(metrics), front[index]) for index, metrics in names.items()]
