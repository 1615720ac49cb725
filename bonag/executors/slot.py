"""A place where one evaluation at a time runs, in a process that stays for the next."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from loky.process_executor import ProcessPoolExecutor, TerminatedWorkerError

from bonag.executors.failure import failure_line, storable
from bonag.executors.listening import Listening
from bonag.executors.worker import belong_to, work
from loops.protocols import Job, Outcome
from loops.trial_folder import OUTPUT

# Of what a failed evaluation printed, so much is kept in the record.
TAIL = 2000


class Slot:
    """A worker process, made when it is needed and made anew when it died.

    environment: variables of the process. timeout: seconds, or None. ended: called, in another thread, with the slot
    when its job has ended.
    """

    def __init__(self, environment: Mapping[str, str], timeout: float | None, ended: Callable[[Slot], None]) -> None:
        self._environment, self._timeout, self._ended = dict(environment), timeout, ended
        self._pool: ProcessPoolExecutor | None = None
        self._future: Future[Outcome] | None = None
        self._started = 0.0
        self._late = False
        self._printed = 0
        self.process: int | None = None
        self.job: Job | None = None

    def start(self, parts: bytes, job: Job, listening: Listening, waits: bool) -> None:
        """Evaluate a job. waits: for what is said to each report."""
        if self._pool is None:
            # Without a timeout, an idle worker stays.
            self._pool = ProcessPoolExecutor(
                1, timeout=None, env=self._environment, initializer=belong_to, initargs=(os.getpid(),)
            )
        self.job, self._started, self._late = job, time.monotonic(), False
        self._printed = _size(job.folder)
        self._future = self._pool.submit(work, parts, job, listening.address, listening.key, waits)
        self._future.add_done_callback(lambda _: self._ended(self))

    @property
    def deadline(self) -> float | None:
        """When the job is to be killed, by the monotonic clock."""
        if self._timeout is None or self.job is None or self._late:
            return None
        return self._started + self._timeout

    def kill(self) -> None:
        """Kill the job that is too late; its end is told as any other."""
        self._late = True
        self._kill_group()

    def outcome(self) -> Outcome:
        """What became of the job that has ended; the slot is free then."""
        assert self.job is not None
        assert self._future is not None
        job, future, seconds = self.job, self._future, time.monotonic() - self._started
        self.job = self._future = None
        try:
            outcome = future.result()
        except BaseException as error:
            self._drop()
            died = isinstance(error, TerminatedWorkerError) and not self._late
            reason = f"no outcome after {self._timeout:g} s, the timeout of a trial" if self._late else None
            reason = reason or (_cause(str(error)) if died else failure_line(error))
            outcome = Outcome(job.index, None, reason, seconds, died=died)
        if outcome.reason is None:
            return outcome
        return Outcome(
            job.index, None, outcome.reason, seconds, died=outcome.died, output=_tail(job.folder, self._printed)
        )

    def close(self) -> None:
        """End the process, whatever it does."""
        self._drop()

    def _drop(self) -> None:
        self._kill_group()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=True)

    def _kill_group(self) -> None:
        """Kill the process and those that it has started."""
        process, self.process = self.process, None
        if process is not None:
            with suppress(OSError):
                os.killpg(process, signal.SIGKILL)
        elif self._pool is not None:
            # The job has not called in yet.
            self._pool.shutdown(wait=False, kill_workers=True)


def _cause(text: str) -> str:
    """Why a process ended, from how loky says it."""
    found = re.search(r"\{(SIG\w+|EXIT|UNKNOWN)\((-?\d+)\)", text)
    if found is None:
        return "the process of the evaluation died"
    if found[1] == "EXIT":
        return f"the evaluation ended its process with status {found[2]}"
    what = found[1] if found[1] != "UNKNOWN" else f"status {found[2]}"
    hint = ": out of memory, or killed by somebody" if found[1] == "SIGKILL" else ""
    return f"the process of the evaluation died of {what}{hint}"


def _size(folder: Path | None) -> int:
    with suppress(OSError):
        return (folder / OUTPUT).stat().st_size if folder else 0
    return 0


def _tail(folder: Path | None, since: int) -> str | None:
    """The last lines that were printed since the file had that size."""
    if folder is None:
        return None
    with suppress(OSError), open(folder / OUTPUT, "rb") as file:
        file.seek(max(since, _size(folder) - TAIL))
        lines = file.read().decode("utf-8", "replace").splitlines()
        return "\n".join(storable(line, TAIL) for line in lines).strip()[-TAIL:] or None
    return None
