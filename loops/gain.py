"""What a search has gained so far, in a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from loops import metric_units
from loops.dominance import hypervolume, non_dominated
from loops.history import History
from loops.objective import Objective

# Points of a rise.
POINTS = 32


@dataclass(frozen=True)
class Gain:
    """What the completed trials are worth.

    best: the first goal's value of the best feasible trial, None where there is none. front, volume: of several goals,
    how many trials are on the front, and the share of the volume between the worst and the best values seen that it
    dominates. rise: how the best value, or that share, has risen from 0 to 1, at most ``POINTS`` numbers.
    """

    best: float | None = None
    front: int | None = None
    volume: float | None = None
    rise: tuple[float, ...] = ()

    def words(self, objective: Objective, units: Mapping[str, str] = metric_units.NONE) -> str | None:
        """``94.39 %``, ``front of 12, hypervolume 0.631``; None while nothing feasible is found."""
        if self.front is not None:
            return f"front of {self.front:,}, hypervolume {self.volume:.3f}" if self.front else None
        return None if self.best is None else metric_units.amount(objective.goals[0].metric, self.best, units=units)


NOTHING = Gain()


def gain(objective: Objective, table: Mapping[str, np.ndarray]) -> Gain:
    """table: by metric of the objective, (n,) values of the completed trials in the order in which they ended."""
    values, met = objective.signed(table), objective.meets(table)
    met &= np.isfinite(values).all(axis=1)
    if not met.any():
        return Gain(front=0 if len(objective.goals) > 1 else None)
    best = float(objective.goals[0].sign * values[met, 0].max())
    ends = np.unique(np.linspace(np.argmax(met) + 1, len(met), POINTS).round().astype(int))
    if len(objective.goals) == 1:
        so_far = np.maximum.accumulate(np.where(met, values[:, 0], -np.inf))
        return Gain(best, rise=heights(so_far[ends - 1]))
    shares = [dominated_share(values, met & (np.arange(len(met)) < end)) for end in ends]
    return Gain(best, int(non_dominated(values[met]).sum()), shares[-1], heights(np.array([0.0, *shares])))


def gain_of(history: History, objective: Objective) -> Gain:
    """Of a history whose completed trials have all metrics of the objective."""
    return gain(objective, {metric: history.values(metric) for metric in objective.metrics})


def dominated_share(values: np.ndarray, met: np.ndarray) -> float:
    """The share of the box between the worst and the best of (n, m) values that those of the (n,) bool dominate.

    Larger is better. A goal that never varied decides nothing: all are at its top.
    """
    values = np.where(np.isfinite(values), values, np.nan)
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    scaled = np.where(high > low, (values - low) / np.where(high > low, high - low, 1.0), 1.0)
    return hypervolume(scaled[met], np.zeros(len(low)))


def heights(values: np.ndarray) -> tuple[float, ...]:
    """Rising values on a scale from 0 to 1. Those far below the others count as 0: else all the rest would be flat."""
    first, middle, best = float(values[0]), float(np.median(values)), float(values[-1])
    low = max(first, best - 6 * (best - middle)) if middle < best else first
    return tuple(np.clip((values - low) / (best - low), 0, 1).round(3).tolist()) if low < best else (1.0,) * len(values)
