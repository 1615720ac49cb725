"""What trials had at a step of their curves, so that those that run can be compared with those that came as far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loops.constraint import Constraint
from loops.history import History, Point, Trial, TrialStatus
from loops.objective import Objective


def value_at(trial: Trial, metric: str, step: int) -> float | None:
    """The metric that the trial reported last up to a step, or None."""
    for point in reversed(trial.curve):
        if point.step <= step and metric in point.metrics:
            return point.metrics[metric]
    return None


@dataclass(frozen=True)
class Peers:
    """A trial that runs and all others that came as far, at the step that it has just reported.

    step, before: that step, and the last one before it at which the trial could be compared (0 where there is none).
    others: in the order of their index; those that failed or were abandoned do not count. further: whether any of them
    has come further.
    """

    objective: Objective
    trial: Trial
    step: int
    before: int
    others: tuple[Trial, ...]
    further: bool

    @classmethod
    def of(cls, objective: Objective, history: History, trial: Trial) -> Peers | None:
        """None where the trial's last point says nothing of a goal, or one of the goals is not known yet.

        What is not known might be what the trial is good at: nobody is to be stopped for the other goals alone.
        """
        goals = [goal.metric for goal in objective.goals]
        steps = [point.step for point in trial.curve if _tells(point, goals)]
        if not steps or trial.curve[-1].step != steps[-1]:
            return None
        step = steps[-1]
        if any(value_at(trial, metric, step) is None for metric in goals):
            return None
        others = tuple(other for other in history if other.index != trial.index and _came_to(other, step, goals))
        further = any(other.curve[-1].step > step for other in others)
        return cls(objective, trial, step, max(steps[:-1], default=0), others, further)

    def values(self, trials: Sequence[Trial]) -> np.ndarray:
        """What trials had at the step, larger is better: (n,) trials -> (n, m) for the m goals."""
        return np.array(
            [[goal.sign * _known(trial, goal.metric, self.step) for goal in self.objective.goals] for trial in trials]
        ).reshape(len(trials), len(self.objective.goals))

    def excess(self, trials: Sequence[Trial]) -> np.ndarray:
        """By how much they broke each bound at the step, in the metrics' units: (n, k) for the k constraints.

        A metric that is not known yet breaks none.
        """
        found = np.zeros((len(trials), len(self.objective.constraints)))
        for column, constraint in enumerate(self.objective.constraints):
            found[:, column] = [_excess(trial, constraint, self.step) for trial in trials]
        return found

    def better(self) -> int:
        """How many of the others are better than the trial: those that dominate it (Fonseca and Fleming, 1993).

        Of one goal they are the ones with a better value. Whoever breaks no bound is better than whoever does, and of
        those that do the ones that break them by less (constrained domination: Deb et al., 2002).
        """
        values = self.values((*self.others, self.trial))
        dominates = (values[:-1] >= values[-1]).all(axis=1) & (values[:-1] > values[-1]).any(axis=1)
        excess = self.excess((*self.others, self.trial))
        # Below the smallest normal numbers a quotient would be no number.
        broken = (excess / np.maximum(excess.max(axis=0, initial=0), 1e-300)).sum(axis=1)
        others, own = broken[:-1], broken[-1]
        return int(((others < own) | ((others == 0) & (own == 0) & dominates)).sum())


def _tells(point: Point, metrics: Sequence[str]) -> bool:
    return any(metric in point.metrics for metric in metrics)


def _came_to(trial: Trial, step: int, metrics: Sequence[str]) -> bool:
    if trial.status in (TrialStatus.FAILED, TrialStatus.ABANDONED) or not trial.curve or trial.curve[-1].step < step:
        return False
    return not any(math.isnan(_known(trial, metric, step)) for metric in metrics)


def _known(trial: Trial, metric: str, step: int) -> float:
    """What the trial had at the step; of a metric that it never reported, what it ended with, or nan."""
    value = value_at(trial, metric, step)
    if value is None and not any(metric in point.metrics for point in trial.curve):
        value = trial.metrics.get(metric)
    return math.nan if value is None else value


def _excess(trial: Trial, constraint: Constraint, step: int) -> float:
    value = _known(trial, constraint.metric, step)
    return 0.0 if math.isnan(value) else max(0.0, -float(constraint.slack(np.array(value))))
