"""The best values of a run, kept up to date at each end."""

from __future__ import annotations

from loops.history import History, Trial, TrialStatus
from loops.objective import Objective


class BestSoFar:
    """By the metric of each goal, the best value of the completed trials that meet the constraints.

    count: how many trials have ended, those that were known beforehand left out.
    """

    def __init__(self, objective: Objective, history: History) -> None:
        self.objective = objective
        self.count = 0
        self.values: dict[str, float] = {}
        for trial in history.ended:
            self.take(trial)

    def take(self, trial: Trial) -> None:
        """Take in a trial that has ended."""
        self.count += trial.is_query
        if trial.status is not TrialStatus.COMPLETED or not self.objective.admits(trial):
            return
        for goal in self.objective.goals:
            value = trial.metrics[goal.metric]
            best = self.values.get(goal.metric, value)
            self.values[goal.metric] = max(value, best) if goal.maximise else min(value, best)
