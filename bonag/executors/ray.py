"""Evaluations as Ray tasks: on all cores of this machine, or on a cluster (``RAY_ADDRESS``)."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cloudpickle

from bonag.executors.evaluating import evaluate
from bonag.executors.failure import failure_line
from bonag.executors.packing import pack
from loops.protocols import Evaluator, Job, Outcome, Report
from search_spaces import SearchSpace
from search_spaces.errors import UserError

# How often, in seconds, reports are asked for while no evaluation ends.
PULSE = 0.2


class Board:
    """Where evaluations of a cluster leave their reports, and read whether to end early; an actor of Ray."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.stopped: set[int] = set()

    def post(self, report: Report) -> bool:
        """Take a report; whether the evaluation is to go on, as far as is known by now."""
        self.reports.append(report)
        return report.index not in self.stopped

    def take(self) -> list[Report]:
        """All reports since the last time."""
        taken, self.reports = self.reports, []
        return taken

    def stop(self, index: int) -> None:
        """Have an evaluation end early."""
        self.stopped.add(index)

    def begin(self, index: int) -> None:
        """Forget what was said of an earlier evaluation of the trial."""
        self.stopped.discard(index)


@dataclass
class Task:
    """A job that was handed to Ray."""

    job: Job
    started: float
    late: bool = False


class RayExecutor:
    """At most ``workers`` Ray tasks at once.

    cpus_per_trial, gpus_per_trial: what Ray sets aside for one evaluation, by default a CPU and no GPU.
    trial_timeout: seconds after which an evaluation is ended, waiting in the cluster's queue included; or None.
    An evaluation whose worker or node died has died, and the run decides whether it is tried again.
    A trial's folder is where the run's is: for checkpoints, a cluster needs a file system that all its nodes share.
    Raises UserError if Ray is not installed or its cluster cannot be reached.
    """

    def __init__(
        self,
        space: SearchSpace | None = None,
        workers: int = 1,
        trial_timeout: float | None = None,
        cpus_per_trial: int | None = None,
        gpus_per_trial: float | None = None,
    ) -> None:
        try:
            import ray
        except ImportError:
            raise UserError("the executor 'ray' needs the package ray: pip install 'bonag[ray]'") from None
        self._ray: Any = ray
        self._space, self._workers, self._timeout = space, workers, trial_timeout
        self._started = not ray.is_initialized()
        if self._started:
            try:
                # Without an address, Ray would look for clusters that ran here once, and wait for them in vain.
                address = os.environ.get("RAY_ADDRESS") or "local"
                ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise UserError(f"no Ray cluster to work on: {failure_line(error)}") from None
        self._board: Any = None
        self._check_room(cpus_per_trial or 1, gpus_per_trial or 0)
        options = {
            "num_cpus": cpus_per_trial or 1,
            "num_gpus": gpus_per_trial or 0,
            "max_retries": 0,
            "runtime_env": {"env_vars": {"OMP_NUM_THREADS": str(cpus_per_trial or 1)}},
        }
        self._evaluate = self._ray.remote(**options)(_evaluate)

    def run(self, evaluator: Evaluator, jobs: Iterable[Job], report: Callable[[Report], bool]) -> Iterator[Outcome]:
        """Yield the outcomes as they come."""
        ray = self._ray
        parts = ray.put(pack((evaluator, self._space)))
        if self._board is None:
            self._board = self._make_board()
        waiting, running = iter(jobs), dict[Any, Task]()
        try:
            while True:
                while len(running) < self._workers and (job := next(waiting, None)) is not None:
                    self._board.begin.remote(job.index)
                    running[self._evaluate.remote(parts, job, self._board)] = Task(job, time.monotonic())
                if not running:
                    return
                done, _ = ray.wait(list(running), num_returns=1, timeout=PULSE)
                self._pass_on(report, {task.job.index for task in running.values()})
                for reference in done:
                    yield self._outcome(reference, running.pop(reference))
                self._end_late(running)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    def close(self) -> None:
        """Shut down the local cluster if it was started here."""
        if self._started:
            self._ray.shutdown()
            self._started = False
        elif self._board is not None:
            self._ray.kill(self._board)
        self._board = None

    def _check_room(self, cpus: float, gpus: float) -> None:
        total = self._ray.cluster_resources()
        for name, wanted in (("CPU", cpus), ("GPU", gpus)):
            if wanted > total.get(name, 0):
                self.close()
                raise UserError(
                    f"the Ray cluster has {total.get(name, 0):g} {name}s, and an evaluation is to have {wanted:g}"
                )

    def _make_board(self) -> Any:
        """Here, where few lost nodes take it along; if one does, it starts anew without them."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=True)
        again = {"max_restarts": -1, "max_task_retries": -1}
        return self._ray.remote(num_cpus=0, scheduling_strategy=here, **again)(Board).remote()

    def _pass_on(self, report: Callable[[Report], bool], running: set[int]) -> None:
        for one in self._ray.get(self._board.take.remote()):
            if one.index in running and not report(one):
                self._board.stop.remote(one.index)

    def _outcome(self, reference: Any, task: Task) -> Outcome:
        seconds = time.monotonic() - task.started
        try:
            outcome: Outcome = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            if task.late:
                reason = f"no outcome after {self._timeout:g} s, the timeout of a trial"
                return Outcome(task.job.index, None, reason, seconds)
            kinds = self._ray.exceptions
            died = isinstance(error, (kinds.WorkerCrashedError, kinds.NodeDiedError, kinds.OutOfMemoryError))
            return Outcome(task.job.index, None, failure_line(error), seconds, died=died)
        return outcome

    def _end_late(self, running: dict[Any, Task]) -> None:
        for reference, task in running.items():
            if self._timeout is not None and not task.late and time.monotonic() - task.started > self._timeout:
                task.late = True
                self._ray.cancel(reference, force=True)


def _evaluate(parts: bytes, job: Job, board: Any) -> Outcome:
    """Evaluate a job in a worker of Ray. parts: the evaluator and the space, packed by the run itself."""
    import ray

    evaluator, space = cloudpickle.loads(parts)

    def tell(report: Report) -> bool:
        plain = Report(report.index, int(report.step), {name: _plain(value) for name, value in report.metrics.items()})
        go_on: bool = ray.get(board.post.remote(plain))
        return go_on

    return evaluate(evaluator, job, tell, space, wishes=())


def _plain(value: object) -> object:
    item = getattr(value, "item", None)
    return item() if callable(item) else value
