"""Evaluations in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bonag.executors.evaluating import evaluate
from loops.protocols import Evaluator, Job, Outcome, Report
from search_spaces import SearchSpace


class InProcessExecutor:
    """Evaluates in this process: for look-ups, and to debug. What ends the process ends the run.

    shares_process: so that a trial that was running when the run ended is held to have ended it.
    space: that of the architectures.
    """

    shares_process = True

    def __init__(self, space: SearchSpace | None = None) -> None:
        self.space = space

    def run(self, evaluator: Evaluator, jobs: Iterable[Job], report: Callable[[Report], bool]) -> Iterator[Outcome]:
        """Yield the outcomes in the order of the jobs."""
        for job in jobs:
            yield evaluate(evaluator, job, report, self.space)

    def close(self) -> None:
        """Nothing is held."""
