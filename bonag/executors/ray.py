"""Evaluations as Ray tasks: on all cores of this machine, or on a cluster (``RAY_ADDRESS``)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import Any

from bonag.executors.failure import failure_line
from bonag.executors.local import evaluate
from loops.protocols import Evaluator, Job, Outcome
from search_spaces.errors import UserError


class RayExecutor:
    """All jobs of a batch at once, as Ray tasks.

    num_cpus, num_gpus: what one evaluation takes.
    retries: how often Ray starts an evaluation again whose worker or node died; after that it is a failed outcome. An
    exception in an evaluation is never tried again, as it is nowhere else.
    Raises UserError if Ray is not installed or its cluster cannot be reached.
    """

    def __init__(self, num_cpus: float = 1, num_gpus: float = 0, retries: int = 2) -> None:
        try:
            import ray
        except ImportError:
            raise UserError("the executor 'ray' needs the package ray: pip install 'bonag[ray]'") from None
        self._ray: Any = ray
        self._started = not ray.is_initialized()
        if self._started:
            try:
                ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise UserError(f"no Ray cluster to work on: {failure_line(error)}") from None
        options = {"num_cpus": num_cpus, "num_gpus": num_gpus, "max_retries": retries, "retry_exceptions": False}
        self._evaluate = self._ray.remote(**options)(evaluate)

    def run(self, evaluator: Evaluator, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield the outcomes as they come."""
        ray = self._ray
        try:
            shared = ray.put(evaluator)
        except TypeError as error:
            raise UserError(f"the evaluator cannot be sent to other processes: {failure_line(error)}") from None
        start = time.perf_counter()
        running = {self._evaluate.remote(shared, job): job for job in jobs}
        try:
            while running:
                done, _ = ray.wait(list(running))
                for reference in done:
                    job = running.pop(reference)
                    try:
                        yield ray.get(reference)
                    except ray.exceptions.RayError as error:
                        yield Outcome(job.index, None, failure_line(error), time.perf_counter() - start)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    def close(self) -> None:
        """Shut down the local cluster if it was started here."""
        if self._started:
            self._ray.shutdown()
            self._started = False
