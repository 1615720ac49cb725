"""The evaluated architectures that are nearest to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bonag.ui.source import View
from loops.history import Trial, TrialStatus
from search_spaces import SearchSpace

MOST = 12
NEAREST = 5
SHOWN_CHANGES = 3


@dataclass(frozen=True)
class Kin:
    """A trial near another one. distance: sites of the code that differ. changes: what differs, (what, from, to), the
    first few. more: how many changes are left out. changed: by how much each metric of the objective is larger than
    the other trial's, None where one of them has none; better: whether that is what the objective wants."""

    trial: Trial
    distance: int
    changes: tuple[tuple[str, str, str], ...]
    more: int
    changed: tuple[tuple[str, float | None, float | None, bool | None], ...]


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
    mine, theirs = space.to_parameters(trial.architecture), space.to_parameters(other.architecture)
    changes = [(name, str(value), str(theirs[name])) for name, value in mine.items() if theirs[name] != value]
    signs, changed = view.objective.signs, []
    for metric in view.objective.metrics:
        own, value = trial.metrics.get(metric), other.metrics.get(metric)
        step = None if own is None or value is None else value - own
        changed.append((metric, value, step, None if not step else step * signs[metric] > 0))
    shown = changes[:SHOWN_CHANGES]
    return Kin(other, distance, tuple(shown), len(changes) - len(shown), tuple(changed))
