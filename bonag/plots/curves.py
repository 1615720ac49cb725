"""How far a run had come after each of its trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bonag.plots.measured import feasible, values
from loops.dominance import hypervolume_growth
from loops.history import History, TrialStatus
from loops.objective import Objective


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

    box: as ``extent`` gives it.
    """
    low, high = box
    span = np.where(high > low, high - low, 1.0)
    # A goal that never varied decides nothing: all are at its top.
    points = np.where(high > low, (_counting(history, objective) - low) / span, 1.0)
    points[np.isnan(_counting(history, objective)).any(axis=1)] = np.nan
    return hypervolume_growth(points, np.zeros(len(low)))


def in_order_of_ends(history: History) -> History:
    """The trials of which it is known when they ended, numbered in that order, for curves on a clock."""
    ended = sorted((t for t in history if t.ended_at is not None), key=lambda t: (t.ended_at, t.index))
    return History(replace(trial, index=place) for place, trial in enumerate(ended))


def ended_at(history: History) -> np.ndarray:
    """When those trials ended, in seconds since the first proposal began: (n,)."""
    starts = [t.proposed_at - (t.proposal_seconds or 0.0) for t in history if t.proposed_at is not None]
    ends = np.array(sorted(t.ended_at for t in history if t.ended_at is not None), dtype=np.float64)
    return ends - min([*starts, *ends[:1]], default=0.0)


def _counting(history: History, objective: Objective) -> np.ndarray:
    rows = values(history.trials, objective)
    counts = feasible(history.trials, objective)
    counts &= np.array([trial.status is TrialStatus.COMPLETED for trial in history], dtype=bool)
    rows[~counts] = np.nan
    return rows
