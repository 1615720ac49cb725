"""What a user sees while a run goes on."""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from loops.config import RunConfig
from loops.dominance import hypervolume
from loops.history import History, Trial, TrialStatus
from loops.loop import Ended, Event

# Trials over which the speed is measured.
WINDOW = 20
# Without a terminal: a line for a new best trial, but not more often than this, and a sign of life now and then.
SHORTEST_SILENCE, LONGEST_SILENCE = 1.0, 30.0


class Tally:
    """Counts what happened since the run was opened."""

    def __init__(self, config: RunConfig, history: History) -> None:
        self.objective = config.parsed_objective()
        self.budget = config.budget or 0
        self.done = len(history) - len(history.pending)
        self.infeasible = int((~self.objective.feasible(history)).sum())
        self.failed = sum(trial.status is TrialStatus.FAILED for trial in history)
        self.history = history
        self.best: Trial | None = next(filter(self.objective.admits, self.objective.best(history)), None)
        self.front = {trial.index for trial in self.objective.front(history)}
        # When the latest trials ended: the first ones of a run are much faster than those that a model proposes.
        self._ends = deque([time.monotonic()], maxlen=WINDOW + 1)

    def count(self, trial: Trial) -> bool:
        """Take in a trial that ended; returns whether it is the best so far, or of several goals on the front."""
        self.done += 1
        self._ends.append(time.monotonic())
        if trial.status is not TrialStatus.COMPLETED:
            self.failed += 1
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

    def text(self) -> str:
        """Best so far, or the front and its hypervolume; speed, time left."""
        parts = []
        if len(self.objective.goals) > 1:
            if self.front:
                parts.append(f"front of {len(self.front)}, hypervolume {self._volume():.3f}")
        elif self.best is not None:
            value = self.best.metrics[self.objective.goal.metric]
            parts.append(f"best {self.objective.goal.metric} {value:.6g} (trial {self.best.index})")
        if self.infeasible:
            parts.append(f"{self.infeasible} infeasible")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if len(self._ends) > 1:
            rate = (len(self._ends) - 1) / max(self._ends[-1] - self._ends[0], 1e-9)
            parts.append(f"{rate:.3g} trials/s" if rate >= 1 else f"{1 / rate:.3g} s/trial")
            parts.append(f"{duration((self.budget - self.done) / rate)} left")
        return ", ".join(parts)

    def _volume(self) -> float:
        """What the front dominates of the box between the worst and the best values seen, as a share of that box."""
        values = self.objective.values(self.history)
        low, high = values.min(axis=0), values.max(axis=0)
        scaled = (values - low) / np.where(high > low, high - low, 1)
        return hypervolume(scaled[self.objective.feasible(self.history)], np.zeros(len(low)))

    def _score(self, trial: Trial) -> float:
        return self.objective.goal.sign * trial.metrics[self.objective.goal.metric]


class LiveProgress:
    """One line that keeps itself up to date, for a terminal."""

    def __init__(self, tally: Tally, console: Console) -> None:
        self._tally = tally
        columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}"))
        self._progress = Progress(*columns, console=console, refresh_per_second=4)
        self._task: TaskID | None = None

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        self._task = self._progress.add_task("the first proposal", total=self._tally.budget, completed=self._tally.done)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Take in what happened."""
        if isinstance(event, Ended) and self._task is not None:
            self._tally.count(event.trial)
            self._progress.update(self._task, completed=self._tally.done, description=self._tally.text())


class PlainProgress:
    """Lines, for logs and pipes: few enough to be read."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._last = time.monotonic()
        self._news = False

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""

    def show(self, event: Event) -> None:
        """Take in what happened."""
        if not isinstance(event, Ended):
            return
        self._news |= self._tally.count(event.trial)
        silence = time.monotonic() - self._last
        last = self._tally.done == self._tally.budget
        if last or silence >= LONGEST_SILENCE or (self._news and silence >= SHORTEST_SILENCE):
            width = len(str(self._tally.budget))
            print(f"[{self._tally.done:{width}}/{self._tally.budget}] {self._tally.text()}", flush=True)
            self._last, self._news = time.monotonic(), False


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
