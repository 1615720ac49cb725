"""How far a run had come after each of its trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bonag.plots.measured import feasible, values
from loops.dominance import hypervolume
from loops.history import History, TrialStatus
from loops.objective import Objective

# Of three goals and more, where exact volumes of large fronts take long; the error is well below 1 %.
POINTS = 16_384


def best_so_far(history: History, objective: Objective) -> np.ndarray:
    """The best feasible value of the only goal after each trial: (n,) in the metric's unit, nan while there is none."""
    found = _counting(history, objective)[:, 0]
    best = np.maximum.accumulate(np.where(np.isnan(found), -np.inf, found), dtype=np.float64)
    return np.where(np.isfinite(best), objective.goal.sign * best, np.nan)


def extent(histories: Sequence[History], objective: Objective) -> tuple[np.ndarray, np.ndarray] | None:
    """The worst and the best value seen of each goal, (m,) each, larger better; None where nothing has all goals."""
    rows = np.concatenate([values(history.completed, objective) for history in histories])
    rows = rows[np.isfinite(rows).all(axis=1)]
    return (rows.min(axis=0), rows.max(axis=0)) if len(rows) else None


def volume_share(history: History, objective: Objective, box: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The share of the box's volume that some feasible trial so far dominates: (n,) (Zitzler and Thiele, 1999).

    box: as ``extent`` gives it. Exact for two goals, else an estimate on fixed points.
    """
    low, high = box
    span = np.where(high > low, high - low, 1.0)
    # A goal that never varied decides nothing: all are at its top.
    points = np.where(high > low, (_counting(history, objective) - low) / span, 1.0)
    points[np.isnan(_counting(history, objective)).any(axis=1)] = np.nan
    if len(low) > 2:
        return _estimated(points)
    share, front = np.zeros(len(points)), np.empty((0, len(low)))
    for place, point in enumerate(points):
        if np.isfinite(point).all() and not (front >= point).all(axis=1).any():
            front = np.vstack([front[~(point >= front).all(axis=1)], point])
            share[place] = hypervolume(front, np.zeros(len(low)))
    return np.maximum.accumulate(share)


def _estimated(points: np.ndarray) -> np.ndarray:
    m = points.shape[1]
    # A sequence without gaps or clumps: multiples of powers of the root of x**(m + 1) = x + 1 (Roberts, 2018).
    root = 2.0
    for _ in range(50):
        root = (1 + root) ** (1 / (m + 1))
    open_ = (0.5 + np.arange(1, POINTS + 1)[:, None] * root ** -np.arange(1.0, m + 1)) % 1
    share = np.zeros(len(points))
    for place, point in enumerate(points):
        if np.isfinite(point).all():
            open_ = open_[~(open_ < point).all(axis=1)]
        share[place] = 1 - len(open_) / POINTS
    return share


def _counting(history: History, objective: Objective) -> np.ndarray:
    rows = values(history.trials, objective)
    counts = feasible(history.trials, objective.constraints)
    counts &= np.array([trial.status is TrialStatus.COMPLETED for trial in history], dtype=bool)
    rows[~counts] = np.nan
    return rows
