"""The best trials of a run, drawn."""

from __future__ import annotations

from dataclasses import dataclass

from bonag.api.found import best_trials
from bonag.ui.trials.costs import costs
from bonag.ui.trials.origin import origin
from bonag.ui.trials.standing import Row, measured, met, overall, rows
from bonag.ui.view import View
from loops.history import History, Trial
from search_spaces import Costs

# Trials in the table, and drawings in full.
TOP, DRAWN = 12, 3
# Metrics shown of a trial beside the objective's; a table of latencies has dozens.
OTHERS = 6


@dataclass(frozen=True)
class Champion:
    """A trial that is best in some way.

    title: in which, or None for the only one. best_in: the metrics, none where it is only the nearest to what is
    wanted. drawn: its SVG, or None where there is no space to draw it by. rows: its metrics, the objective's first, of
    which ``more`` are not there. costs: counted, or None. standing, sentences: how good it is, and how it was proposed.
    """

    title: str | None
    best_in: tuple[str, ...]
    trial: Trial
    drawn: str | None
    rows: tuple[Row, ...]
    more: int
    costs: Costs | None
    standing: str | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Top:
    """The trials to look at first, best first, with thumbnails or none; of ``total``.

    front: whether they are a front.
    """

    trials: list[Trial]
    thumbnails: list[str]
    total: int
    front: bool


def champions(view: View) -> list[Champion]:
    """The best trial, or of several goals the front's best by each; the nearest where none meets the constraints."""
    history, objective = view.history, view.objective
    good = History(met(history, objective))
    if not len(good):
        known = History(measured(history, objective))
        return [_champion(None, (), objective.best(known)[0], view)] if len(known) else []
    if len(objective.goals) == 1:
        return [_champion(None, objective.metrics[:1], objective.best(good)[0], view)]
    titles: dict[int, list[str]] = {}
    front = {trial.index: trial for trial in objective.front(good)}
    for goal in objective.goals:
        best = max(front.values(), key=lambda trial: (goal.sign * trial.metrics[goal.metric], -trial.index))
        titles.setdefault(best.index, []).append(goal.metric)
    chosen = list(titles.items())[:DRAWN]
    return [_champion(f"Best {' and '.join(names)}", tuple(names), front[index], view) for index, names in chosen]


def top(view: View) -> Top:
    """The best trials that meet the constraints; of several goals some of the front, spread over it."""
    objective = view.objective
    good = History(met(view.history, objective))
    front = len(objective.goals) > 1
    if not len(good):
        return Top([], [], 0, front)
    trials = best_trials(objective, good, TOP)
    total = len(objective.front(good)) if front else len(good)
    space = view.space
    thumbnails = [space.draw(trial.architecture, small=True) for trial in trials] if space is not None else []
    return Top(trials, list(thumbnails), total, front)


def _champion(title: str | None, best_in: tuple[str, ...], trial: Trial, view: View) -> Champion:
    found = rows(view.history, view.objective, trial)
    shown = len(view.objective.metrics) + OTHERS
    space = view.space
    return Champion(
        title=title,
        best_in=best_in,
        trial=trial,
        drawn=None if space is None else space.draw(trial.architecture),
        rows=tuple(found[:shown]),
        more=max(0, len(found) - shown),
        costs=None if space is None else costs(space, trial.architecture),
        standing=overall(view.history, view.objective, trial),
        sentences=origin(view, trial).sentences,
    )
