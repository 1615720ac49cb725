"""Evaluations on this machine, each in a worker process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue

from bonag.executors.in_process import InProcessExecutor
from bonag.executors.listening import Call, Hello, Listening
from bonag.executors.packing import pack
from bonag.executors.slot import Slot
from loops.protocols import Evaluator, Job, Outcome, Report
from search_spaces import SearchSpace
from search_spaces.errors import UserError


class LocalExecutor:
    """Evaluates in ``workers`` processes at once, which stay for the next job and die with this one.

    Each has a group of its own, so that what an evaluation has started goes with it. Look-ups of a single worker are
    done in this process.

    space: that of the architectures. trial_timeout: seconds after which an evaluation is killed, or None.
    cpus_per_trial: threads of each; None for the cores divided by the workers. gpus_per_trial: 0 for none; else each
    worker sees one GPU, in turn. stop_early: the rule by which trials end early; ``none`` where there is none, and then
    an evaluation does not wait for what is said to its reports.
    """

    def __init__(
        self,
        space: SearchSpace | None = None,
        workers: int = 1,
        trial_timeout: float | None = None,
        cpus_per_trial: int | None = None,
        gpus_per_trial: float | None = None,
        stop_early: object = "none",
    ) -> None:
        if gpus_per_trial is not None and gpus_per_trial not in (0, 1):
            raise UserError("a local evaluation has one GPU or none: give gpus_per_trial as 0 or 1, or take ray")
        self.space, self.workers = space, workers
        self._timeout, self._gpus = trial_timeout, gpus_per_trial
        self._threads = cpus_per_trial or max(1, (os.cpu_count() or 1) // workers)
        self._waits = stop_early != "none"
        self._queue: SimpleQueue[Slot | Hello | Call] = SimpleQueue()
        self._slots: list[Slot] = []
        self._listening: Listening | None = None

    def run(self, evaluator: Evaluator, jobs: Iterable[Job], report: Callable[[Report], bool]) -> Iterator[Outcome]:
        """Yield the outcomes as they come; raises UserError for an evaluator that cannot be sent to processes."""
        if self.workers == 1 and getattr(evaluator, "looks_up", False):
            yield from InProcessExecutor(self.space).run(evaluator, jobs, report)
            return
        parts = pack((evaluator, self.space))
        listening = self._open()
        waiting = iter(jobs)
        while True:
            for slot in self._slots:
                if slot.job is None:
                    job = next(waiting, None)
                    if job is None:
                        break
                    slot.start(parts, job, listening, self._waits)
            if all(slot.job is None for slot in self._slots):
                return
            yield from self._ended(report)

    def close(self) -> None:
        """End all processes."""
        for slot in self._slots:
            slot.close()
        self._slots = []
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def _open(self) -> Listening:
        if self._listening is None:
            self._listening = Listening(self._queue.put)
            self._slots = [Slot(self._environment(n), self._timeout, self._queue.put) for n in range(self.workers)]
        return self._listening

    def _environment(self, number: int) -> dict[str, str]:
        threads = str(self._threads)
        found = {name: threads for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        devices = _gpus() if self._gpus != 0 else []
        if devices or self._gpus == 0:
            found["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)] if devices else ""
        elif self._gpus:
            raise UserError("there is no GPU here: leave gpus_per_trial out")
        return found

    def _ended(self, report: Callable[[Report], bool]) -> Iterator[Outcome]:
        """What happens next, and all that has happened by then."""
        ended: list[Slot] = []
        for message in self._messages():
            if isinstance(message, Slot):
                ended.append(message)
            elif isinstance(message, Hello):
                slot = self._slot_of(message.index)
                if slot is not None:
                    slot.process = message.process
            else:
                # Of a job that has not ended meanwhile, as one that was killed has.
                go_on = report(message.report) if self._slot_of(message.report.index) not in (None, *ended) else False
                message.answer(go_on)
        for slot in ended:
            if slot.job is not None:
                yield slot.outcome()

    def _messages(self) -> Iterator[Slot | Hello | Call]:
        """Wait for one, killing what is late, and go on while there are more."""
        while True:
            deadlines = [slot.deadline for slot in self._slots if slot.deadline is not None]
            try:
                yield self._queue.get(timeout=max(0.0, min(deadlines) - time.monotonic()) if deadlines else None)
                break
            except Empty:
                for slot in self._slots:
                    if slot.deadline is not None and slot.deadline <= time.monotonic():
                        slot.kill()
        while not self._queue.empty():
            yield self._queue.get()

    def _slot_of(self, index: int) -> Slot | None:
        return next((slot for slot in self._slots if slot.job is not None and slot.job.index == index), None)


def _gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES has to be for each of the GPUs that PyTorch sees."""
    import torch

    given = [one.strip() for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one.strip()]
    count = torch.cuda.device_count()
    return given[:count] if given else [str(number) for number in range(count)]
