"""Evaluations in this process, one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from bonag.executors.failure import failure_line
from loops.protocols import Evaluator, Job, Outcome


class LocalExecutor:
    """Evaluates in this process. Takes a job only when the one before has ended."""

    def run(self, evaluator: Evaluator, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield the outcomes in the order of the jobs."""
        for job in jobs:
            yield evaluate(evaluator, job)

    def close(self) -> None:
        """Nothing is held."""


def evaluate(evaluator: Evaluator, job: Job) -> Outcome:
    """Evaluate a job here and now; what it raises is its outcome, save a wish of the user to stop."""
    start = time.perf_counter()
    try:
        metrics = evaluator.evaluate(job.architecture, job.seed)
    except (Exception, SystemExit) as error:
        return Outcome(job.index, None, failure_line(error), time.perf_counter() - start)
    return Outcome(job.index, metrics, None, time.perf_counter() - start)
