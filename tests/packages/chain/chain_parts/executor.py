"""Evaluations in threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from bonag.running_trial import RunningTrial
from loops.protocols import Evaluator, Job, Outcome, Report


class Threads:
    """Two evaluations at a time."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(2)

    def run(self, evaluator: Evaluator, jobs: Iterable[Job], report: Callable[[Report], bool]) -> Iterator[Outcome]:
        """Yield the outcomes as they come."""
        for future in as_completed([self.pool.submit(evaluate, evaluator, job) for job in jobs]):
            yield future.result()

    def close(self) -> None:
        """Wait for what still runs."""
        self.pool.shutdown()


def evaluate(evaluator: Evaluator, job: Job) -> Outcome:
    """One evaluation; what it raises is its outcome."""
    start = time.perf_counter()
    try:
        metrics = evaluator.evaluate(job.architecture, RunningTrial(job.index, job.seed))
    except Exception as error:
        return Outcome(job.index, None, str(error), time.perf_counter() - start)
    return Outcome(job.index, metrics, None, time.perf_counter() - start)
