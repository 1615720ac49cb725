"""Which trials end early: rules that look at the curves of all.

The curves must hold the goals' metrics. Of several goals nobody is stopped for one alone. Whoever has come as far as
anybody goes on: its training may just be over, and ended early it would be worth less.
"""

from __future__ import annotations

import math

import numpy as np

from loops.history import History, Trial
from loops.objective import Objective
from loops.peers import Peers

# What a rule says of a trial needs so many others to compare with.
FEWEST = 4


class NeverStop:
    """Every trial comes to its end."""

    def stops(self, history: History, trial: Trial) -> bool:
        """No."""
        return False


class SuccessiveHalving:
    """Asynchronous successive halving, ASHA in its stopping variant (Li et al., MLSys 2020).

    At a ninth and at a third of a whole training a trial goes on if it is among the best third of all that came there,
    rounded up; who is as good as the last of these is, too. Of several goals, better is who dominates, so that a trial
    that no other one dominates always goes on.

    A whole training is as long as the longest completed one. The rungs are at 1/eta, 1/eta^2, ... (``rungs`` of them)
    of it, rounded up, or at the first report behind them; those before step ``first`` are left out, as long as one is
    left, for what is reported so early is mostly noise: counted from the start, at 1, eta, eta^2, ... steps, the rule
    did worse than none on trainings of 12 epochs.
    """

    def __init__(self, objective: Objective, eta: int = 3, rungs: int = 2, first: int = 4) -> None:
        self.objective, self.eta, self.rungs, self.first = objective, eta, rungs, first

    def stops(self, history: History, trial: Trial) -> bool:
        """Whether the trial has just come to a rung, and is not among the best there."""
        peers = Peers.of(self.objective, history, trial)
        if peers is None or not peers.further or len(peers.others) < FEWEST:
            return False
        if not any(peers.before < rung <= peers.step for rung in self._steps(history)):
            return False
        return peers.better() >= math.ceil((len(peers.others) + 1) / self.eta)

    def _steps(self, history: History) -> list[int]:
        """Of the rungs, the last first; empty while no trial is completed."""
        whole = max((trial.curve[-1].step for trial in history.completed if trial.curve), default=0)
        steps = [-(-whole // self.eta**rung) for rung in range(1, self.rungs + 1)] if whole else []
        return [step for place, step in enumerate(steps) if place == 0 or step >= self.first]


class MedianRule:
    """The median stopping rule (Golovin et al., KDD 2017, "Google Vizier").

    A trial ends where the best that it has reported is worse than the median, over the others that came as far, of
    their averages up to this step; of several goals, where it is so in all. Trials that break a bound do not count.
    (There only completed trials are compared with. Those that still run, or were stopped later, tell as much.)
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def stops(self, history: History, trial: Trial) -> bool:
        """Whether the trial's best is below the median of the others' averages."""
        peers = Peers.of(self.objective, history, trial)
        if peers is None or not peers.further:
            return False
        within = peers.excess(peers.others).sum(axis=1) == 0
        others = [other for other, counts in zip(peers.others, within, strict=True) if counts]
        if len(others) < FEWEST:
            return False
        for goal in self.objective.goals:
            own = [goal.sign * value for value in _reported(trial, goal.metric, peers.step)]
            averages = [goal.sign * _average(other, goal.metric, peers.step) for other in others]
            if max(own) >= np.median(averages):
                return False
        return True


def _average(trial: Trial, metric: str, step: int) -> float:
    """The mean of what was reported up to a step; of a metric that never was, what the trial ended with."""
    values = _reported(trial, metric, step) or [trial.metrics[metric]]
    # A sum of equal numbers, divided by their number, need not be that number.
    return min(max(math.fsum(values) / len(values), min(values)), max(values))


def _reported(trial: Trial, metric: str, step: int) -> list[float]:
    return [point.metrics[metric] for point in trial.curve if point.step <= step and metric in point.metrics]
