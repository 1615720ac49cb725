"""What trials that were stopped early are expected to have come to, from the curves of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.peers import value_at

# Of so many completed curves it can be learnt how trials end.
ENOUGH = 3


def as_expected(history: History, objective: Objective | None = None) -> History:
    """The history in which trials that were stopped early have ended as expected; that itself where there are none.

    A stopped trial's metric is carried on from the step of its stop to the next step at which trials were stopped, from
    there to the one after it, and from the last to the end: each time by the line of least squares, with a slope of at
    least 0, through all trials that came that far. So those that were stopped later tell, too, and what happens to
    survivors only is not expected of all. It does not become better than the best that a completed trial without broken
    bounds has, for what was given up is not what a search is to improve on; nor worse than it was, unless a completed
    trial is.

    Until ``ENOUGH`` trials with curves are completed, the stopped ones are no more than seen. objective: tells what is
    better; metrics that it does not have stay between those of the completed trials. (Extrapolation of curves: Domhan
    et al., IJCAI 2015; that regression on other trials' curves does it as well: Baker et al., 2018.)
    """
    stopped = [trial for trial in history if trial.status is TrialStatus.STOPPED and trial.curve]
    completed = [trial for trial in history.completed if trial.curve]
    if not stopped or len(completed) < ENOUGH:
        return history
    ends = {name: _Ends.learn(name, stopped, completed, objective) for name in sorted(_names(stopped))}
    return history.updated(*(_ended(trial, ends) for trial in stopped))


def _names(trials: Sequence[Trial]) -> set[str]:
    return {name for trial in trials for name in trial.metrics}


def _ended(trial: Trial, ends: Mapping[str, _Ends]) -> Trial:
    step = trial.curve[-1].step
    metrics = dict(trial.metrics)
    for name in metrics:
        value = value_at(trial, name, step)
        # What is not in its curve was measured for good.
        if value is not None:
            metrics[name] = ends[name].expected(value, step)
    return replace(trial, status=TrialStatus.COMPLETED, metrics=metrics)


@dataclass(frozen=True)
class _Line:
    """x -> y + slope (x - mean)."""

    mean: float
    y: float
    slope: float

    @classmethod
    def through(cls, x: np.ndarray, y: np.ndarray) -> _Line | None:
        """Through the pairs of which both are known; None where all stay as they are, or too few are known."""
        known = ~(np.isnan(x) | np.isnan(y))
        x, y = x[known], y[known]
        if len(x) < ENOUGH or (x == y).all():
            return None
        variance = float(x.var())
        slope = float(((x - x.mean()) * (y - y.mean())).mean()) / variance if variance > 0 else 0.0
        return cls(float(x.mean()), float(y.mean()), max(0.0, slope))


@dataclass(frozen=True)
class _Ends:
    """How one metric goes on.

    steps: rising, at which trials were stopped. lines: for each, how values there go on to the next, or to the end.
    lowest, highest: between these an end lies, or between them and the value itself where it is worse.
    sign: +1 where larger is better, -1 where smaller is, 0 where nobody knows.
    """

    steps: tuple[int, ...]
    lines: tuple[_Line | None, ...]
    lowest: float
    highest: float
    sign: float

    @classmethod
    def learn(
        cls, name: str, stopped: Sequence[Trial], completed: Sequence[Trial], objective: Objective | None
    ) -> _Ends:
        """From the trials of a history."""
        steps = tuple(sorted({trial.curve[-1].step for trial in stopped}))
        finals = np.array([trial.metrics.get(name, np.nan) for trial in completed])
        table = np.array([_values(trial, name, steps) for trial in (*completed, *stopped)])
        table = np.column_stack([table, np.append(finals, np.full(len(stopped), np.nan))])
        lines = tuple(_Line.through(*pair) for pair in zip(table.T[:-1], table.T[1:], strict=True))
        sign = 0.0 if objective is None else objective.signs.get(name, 0.0)
        best = finals[[objective is None or _admits(objective, trial) for trial in completed]]
        best = finals if np.isnan(best).all() else best
        lowest = np.fmin.reduce(best if sign < 0 else finals)
        highest = np.fmax.reduce(best if sign > 0 else finals)
        return cls(steps, lines, float(lowest), float(highest), sign)

    def expected(self, value: float, step: int) -> float:
        """What a value at one of the steps is expected to end as."""
        lines = [line for line in self.lines[self.steps.index(step) :] if line is not None]
        if not lines:
            return value
        end = value
        for line in lines:
            end = line.y + line.slope * (end - line.mean)
        lowest = min(self.lowest, value) if self.sign > 0 else self.lowest
        highest = max(self.highest, value) if self.sign < 0 else self.highest
        return min(max(end, lowest), highest)


def _values(trial: Trial, name: str, steps: Sequence[int]) -> list[float]:
    """What the trial had at each of the steps; nan where it did not come so far, or has not reported the metric."""
    found, last, place = [], np.nan, 0
    for step in steps:
        while place < len(trial.curve) and trial.curve[place].step <= step:
            last = trial.curve[place].metrics.get(name, last)
            place += 1
        found.append(last if trial.curve[-1].step >= step else np.nan)
    return found


def _admits(objective: Objective, trial: Trial) -> bool:
    return all(metric in trial.metrics for metric in objective.metrics) and objective.admits(trial)
