"""A record that does not outlive the process."""

from __future__ import annotations

from collections.abc import Sequence

from loops.history import History, Trial


class MemoryRecord:
    """A recorder that keeps the history alone."""

    def __init__(self, history: History | None = None) -> None:
        self._history = history or History()

    def history(self) -> History:
        """All trials so far."""
        return self._history

    def add(self, trials: Sequence[Trial]) -> None:
        """Take new trials."""
        self._history = self._history.updated(*trials)

    def report(self, trial: Trial) -> None:
        """Take a trial with a point more."""
        self._history = self._history.updated(trial)

    def try_again(self, trial: Trial) -> None:
        """Take a trial with an attempt more."""
        self._history = self._history.updated(trial)

    def finish(self, trial: Trial) -> None:
        """Take a trial that ended."""
        self._history = self._history.updated(trial)
