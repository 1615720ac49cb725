"""Which trials end early: rules that look at the curves of all."""

from __future__ import annotations

import numpy as np

from loops.curves import value_at
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective

# What a rule says of a trial needs so many others to compare with.
FEWEST = 4


class NeverStop:
    """Every trial comes to its end."""

    def stops(self, history: History, trial: Trial) -> bool:
        """No."""
        return False


class SuccessiveHalving:
    """Asynchronous successive halving, ASHA in its stopping variant (Li et al., MLSys 2020).

    At the steps 1, eta, eta^2, ... (times ``first``) a trial goes on if its value is among the best 1/eta of those that
    all trials had there. The first goal of the objective decides.
    """

    def __init__(self, objective: Objective, first: int = 1, eta: int = 3) -> None:
        self.objective, self.first, self.eta = objective, first, eta

    def stops(self, history: History, trial: Trial) -> bool:
        """Whether the trial has just come to one of these steps, and is not among the best there."""
        step = trial.curve[-1].step
        rung = self.first
        while rung < step:
            rung *= self.eta
        if rung != step:
            return False
        own, others = _at(step, self.objective, history, trial)
        if own is None or len(others) < FEWEST:
            return False
        values = np.append(others, own)
        kept = max(1, len(values) // self.eta)
        return bool(own < np.sort(values)[-kept])


class MedianRule:
    """The median stopping rule (Golovin et al., KDD 2017, "Google Vizier").

    A trial ends where the best that it has reported is worse than the median, over all others that came as far, of
    their averages up to this step. The first goal of the objective decides.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def stops(self, history: History, trial: Trial) -> bool:
        """Whether the trial's best is below the median of the others' averages."""
        goal = self.objective.goals[0]
        step = trial.curve[-1].step
        own = [goal.sign * point.metrics[goal.metric] for point in trial.curve if goal.metric in point.metrics]
        averages = []
        for other in history:
            values = [
                goal.sign * p.metrics[goal.metric] for p in other.curve if goal.metric in p.metrics and p.step <= step
            ]
            if other.index != trial.index and values and other.curve[-1].step >= step and _counts(other):
                averages.append(float(np.mean(values)))
        return bool(own) and len(averages) >= FEWEST and max(own) < float(np.median(averages))


def _at(step: int, objective: Objective, history: History, trial: Trial) -> tuple[float | None, np.ndarray]:
    """What the trial and the others that came as far had at a step, so that larger is better."""
    goal = objective.goals[0]
    found = []
    for other in history:
        if other.index != trial.index and other.curve and other.curve[-1].step >= step and _counts(other):
            value = value_at(other, goal.metric, step)
            if value is not None:
                found.append(goal.sign * value)
    own = value_at(trial, goal.metric, step)
    return None if own is None else goal.sign * own, np.array(found)


def _counts(trial: Trial) -> bool:
    return trial.status not in (TrialStatus.FAILED, TrialStatus.ABANDONED)
