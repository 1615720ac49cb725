"""The evaluated architectures that are nearest to one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bonag.plots.pareto import better_sign
from bonag.ui.source import View
from loops.history import Trial, TrialStatus
from loops.objective import Objective
from search_spaces import SearchSpace

MOST = 12
NEAREST = 5
SHOWN_CHANGES = 3

Step = tuple[str, float | None, float | None, bool | None]


@dataclass(frozen=True)
class Kin:
    """A trial near another one. distance: sites of the code that differ. changes: what differs, (what, from, to), the
    first few. more: how many changes are left out. changed: by how much each metric of the objective is larger than
    the other trial's, None where one of them has none; better: whether that is what the objective wants."""

    trial: Trial
    distance: int
    changes: tuple[tuple[str, str, str], ...]
    more: int
    changed: tuple[Step, ...]


@dataclass(frozen=True)
class Family:
    """one_step: whether they are neighbours in the space, one gene away. hidden: how many more there are."""

    one_step: bool
    kin: tuple[Kin, ...]
    hidden: int


def family(view: View, trial: Trial) -> Family:
    """The trials one gene away from this one, best first, or where there are none the nearest by differing sites."""
    space = view.space
    if space is None:
        return Family(False, (), 0)
    around = set(space.neighbours(trial.architecture))
    near = [other for other in view.history if other.architecture in around and other.index != trial.index]
    codes, trials = _codes(view, space), view.history.trials
    places = {other.index: place for place, other in enumerate(view.history)}
    distances = (codes != codes[places[trial.index]]).sum(axis=1)
    if near:
        goal = view.objective.goals[0]
        near.sort(key=lambda other: -goal.sign * other.metrics.get(goal.metric, -goal.sign * np.inf))
        kin = [_kin(view, space, trial, other, int(distances[places[other.index]])) for other in near[:MOST]]
        return Family(True, tuple(kin), len(near) - len(kin))
    order = [trials[place] for place in np.argsort(distances, kind="stable").tolist()]
    others = [one for one in order if one.index != trial.index and one.status is TrialStatus.COMPLETED][:NEAREST]
    kin = [_kin(view, space, trial, other, int(distances[places[other.index]])) for other in others]
    return Family(False, tuple(kin), 0)


@lru_cache(maxsize=8)
def _codes(view: View, space: SearchSpace) -> np.ndarray:
    return space.codes([trial.architecture for trial in view.history])


def _kin(view: View, space: SearchSpace, trial: Trial, other: Trial, distance: int) -> Kin:
    changes = parameter_changes(space, trial, other)
    shown, steps = changes[:SHOWN_CHANGES], metric_steps(view.objective, view.objective.metrics, trial, other)
    return Kin(other, distance, tuple(shown), len(changes) - len(shown), tuple(steps))


def parameter_changes(space: SearchSpace, trial: Trial, other: Trial) -> list[tuple[str, str, str]]:
    """The space's parameters that differ: name, the trial's value, the other's."""
    mine, theirs = space.to_parameters(trial.architecture), space.to_parameters(other.architecture)
    return [(name, str(value), str(theirs[name])) for name, value in mine.items() if theirs[name] != value]


def metric_steps(objective: Objective, metrics: Iterable[str], trial: Trial, other: Trial) -> list[Step]:
    """See ``Kin.changed``; better is None too where nothing tells which way a metric is."""
    found = []
    for metric in metrics:
        own, value, sign = trial.metrics.get(metric), other.metrics.get(metric), better_sign(metric, objective)
        step = None if own is None or value is None else value - own
        found.append((metric, value, step, None if not step or sign is None else step * sign > 0))
    return found
