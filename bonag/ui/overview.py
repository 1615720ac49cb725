"""How a run stands, in a few numbers and its best trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bonag.api.found import best_trials, known_costs
from bonag.ui.source import View
from bonag.ui.trials.origin import origin
from bonag.ui.trials.standing import Row, overall, rows, trials_with_values, trials_within_bounds
from loops.counting import report_words
from loops.history import History, Trial, TrialStatus


@dataclass(frozen=True)
class Best:
    """A trial that is best in some metrics; in none where it is only the nearest to what is wanted."""

    metrics: tuple[str, ...]
    trial: Trial


@dataclass(frozen=True)
class Overview:
    """counts: of trials by their status. feasible: completed ones that meet the constraints. best: see ``best_of``.

    front: how many trials are on it, of several goals, and ``ranges``: the least and the most of each goal there.
    proposals, evaluations: seconds that were spent on them. running: the trials that run, each with what it reported
    last, in words.
    """

    counts: Mapping[TrialStatus, int]
    feasible: int
    best: list[Best]
    front: int | None
    ranges: Mapping[str, tuple[float, float]]
    proposals: float
    evaluations: float
    running: list[tuple[Trial, str | None]]


def overview_of(view: View) -> Overview:
    """What there is to say before the trials are looked at one by one."""
    history, objective = view.history, view.objective
    several = len(objective.goals) > 1 and len(history.completed) > 0
    front = objective.front(history) if several else []
    ends = {goal.metric: sorted(trial.metrics[goal.metric] for trial in front) for goal in objective.goals if front}
    return Overview(
        {status: sum(trial.status is status for trial in history) for status in TrialStatus},
        int(objective.feasible(history).sum()) if objective.constraints else len(history.completed),
        best_of(view),
        len(front) if several else None,
        {metric: (values[0], values[-1]) for metric, values in ends.items()},
        sum(trial.proposal_seconds or 0.0 for trial in history),
        sum(trial.evaluation_seconds or 0.0 for trial in history),
        [(trial, report_words(trial, objective.metrics)) for trial in history.pending],
    )


def best_of(view: View) -> list[Best]:
    """The best trial, or of several goals the front's best by each; the nearest where none meets the constraints."""
    history, objective = view.history, view.objective
    good = History(trials_within_bounds(history, objective))
    if not len(good):
        known = History(trials_with_values(history, objective))
        return [Best((), objective.best(known)[0])] if len(known) else []
    if len(objective.goals) == 1:
        return [Best(objective.metrics[:1], objective.best(good)[0])]
    names: dict[int, list[str]] = {}
    front = {trial.index: trial for trial in objective.front(good)}
    for goal in objective.goals:
        best = max(front.values(), key=lambda trial: (goal.sign * trial.metrics[goal.metric], -trial.index))
        names.setdefault(best.index, []).append(goal.metric)
    return [Best(tuple(metrics), front[index]) for index, metrics in names.items()]


# Trials in the table, and drawings in full.
TOP, DRAWN = 12, 3
# Metrics shown of a trial beside the objective's; a table of latencies has dozens.
OTHERS = 6


@dataclass(frozen=True)
class Champion:
    """A trial that is best in some way.

    title: in which, or None for the only one. best_in: the metrics, none where it is only the nearest to what is
    wanted. drawn: its SVG, or None where there is no space to draw it by. rows: its metrics, the objective's first, of
    which ``more`` are not there. costs: by name, if known. standing, sentences: how good it is, how it was proposed.
    """

    title: str | None
    best_in: tuple[str, ...]
    trial: Trial
    drawn: str | None
    rows: tuple[Row, ...]
    more: int
    costs: Mapping[str, float]
    standing: str | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Top:
    """The trials to look at first, best first, with thumbnails or none; of ``total``.

    front: whether they are a front.
    """

    trials: list[Trial]
    thumbnails: list[str | None]
    total: int
    front: bool


def champions(view: View, best: list[Best]) -> list[Champion]:
    """The best trials as they are shown."""
    several = len(view.objective.goals) > 1
    return [_champion(view, one, several) for one in best[:DRAWN]]


def top(view: View) -> Top:
    """The best trials that meet the constraints; of several goals some of the front, spread over it."""
    objective = view.objective
    good = History(trials_within_bounds(view.history, objective))
    front = len(objective.goals) > 1
    if not len(good):
        return Top([], [], 0, front)
    trials = best_trials(objective, good, TOP)
    thumbnails = [view.draw(trial.architecture, small=True) for trial in trials] if view.space else []
    return Top(trials, thumbnails, len(objective.front(good)) if front else len(good), front)


def _champion(view: View, best: Best, several: bool) -> Champion:
    trial, objective = best.trial, view.objective
    found = rows(view.history, objective, trial)
    shown = len(objective.metrics) + OTHERS
    return Champion(
        title=f"Best {' and '.join(best.metrics)}" if several and best.metrics else None,
        best_in=best.metrics,
        trial=trial,
        drawn=view.draw(trial.architecture),
        rows=tuple(found[:shown]),
        more=max(0, len(found) - shown),
        costs=known_costs(trial, view.space) if view.space else {},
        standing=overall(view.history, objective, trial),
        sentences=origin(view, trial).sentences,
    )
