"""How a run goes, in one line of text."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

from bonag.evaluators.registry import units_of_run
from loops.config import RunConfig
from loops.counting import report_words
from loops.gain import dominated_share
from loops.history import History, Trial, TrialStatus
from loops.loop import Ended, Reported
from loops.metric_units import NONE, duration, words

# Trials over which the speed is measured.
WINDOW = 20


class Tally:
    """Counts what happened since the run was opened. units: by metric, as the evaluator tells them."""

    def __init__(self, config: RunConfig, history: History, units: Mapping[str, str] = NONE) -> None:
        self.objective = config.parsed_objective()
        self.units = units_of_run(config, units, self.objective.metrics)
        self.budget = config.budget or 0
        self.done = sum(trial.is_query for trial in history.ended)
        self.infeasible = int((~self.objective.feasible(history)).sum())
        self.failed = sum(trial.status is TrialStatus.FAILED for trial in history)
        self.stopped = sum(trial.status is TrialStatus.STOPPED for trial in history)
        self._said: dict[int, str] = {}
        self.history = history
        self.best: Trial | None = next(filter(self.objective.admits, self.objective.best(history)), None)
        self.front = {trial.index for trial in self.objective.front(history)}
        # When the latest trials ended: the first ones of a run are much faster than those that a model proposes.
        self._ends = deque([time.monotonic()], maxlen=WINDOW + 1)

    def take(self, event: Ended | Reported) -> bool:
        """Take in what happened; whether it is news."""
        if isinstance(event, Reported):
            self.hear(event.trial)
            return False
        return self.count(event.trial)

    def count(self, trial: Trial) -> bool:
        """Take in a trial that ended; returns whether it is the best so far, or of several goals on the front."""
        self.done += 1
        self._ends.append(time.monotonic())
        self._said.pop(trial.index, None)
        if trial.status is not TrialStatus.COMPLETED:
            self.failed += trial.status is TrialStatus.FAILED
            self.stopped += trial.status is TrialStatus.STOPPED
            return False
        self.history = self.history.updated(trial)
        if not self.objective.admits(trial):
            self.infeasible += 1
            return False
        if len(self.objective.goals) > 1:
            self.front = {found.index for found in self.objective.front(self.history)}
            return trial.index in self.front
        if self.best is None or self._score(trial) > self._score(self.best):
            self.best = trial
            return True
        return False

    def hear(self, trial: Trial) -> None:
        """Take in what a running trial reported."""
        self._said.pop(trial.index, None)
        self._said[trial.index] = f"trial {trial.index}: {report_words(trial, self.objective.metrics)}"

    def text(self) -> str:
        """Best so far, or the front and its hypervolume; speed, time left, and what was reported last."""
        parts = []
        if len(self.objective.goals) > 1:
            if self.front:
                parts.append(f"front of {len(self.front)}, hypervolume {self._volume():.3f}")
        elif self.best is not None:
            value = self.best.metrics[self.objective.goal.metric]
            said = words(self.objective.goal.metric, value, units=self.units)
            parts.append(f"best {said} (trial {self.best.index})")
        if self.infeasible:
            parts.append(f"{self.infeasible} infeasible")
        if self.stopped:
            parts.append(f"{self.stopped} stopped")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if len(self._ends) > 1:
            rate = (len(self._ends) - 1) / max(self._ends[-1] - self._ends[0], 1e-9)
            parts.append(f"{rate:.3g} trials/s" if rate >= 1 else f"{1 / rate:.3g} s/trial")
            if self.budget:
                parts.append(f"{duration((self.budget - self.done) / rate)} left")
        return "; ".join(filter(None, [", ".join(parts), *list(self._said.values())[-1:]]))

    @property
    def count_text(self) -> str:
        """How many trials have ended, of how many."""
        return f"{self.done:{len(str(self.budget))}}/{self.budget}" if self.budget else str(self.done)

    def _volume(self) -> float:
        """What the front dominates of the box between the worst and the best values seen, as a share of that box."""
        return dominated_share(self.objective.values(self.history), self.objective.feasible(self.history))

    def _score(self, trial: Trial) -> float:
        return self.objective.goal.sign * trial.metrics[self.objective.goal.metric]
