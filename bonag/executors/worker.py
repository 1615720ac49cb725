"""What happens in a worker process."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Client, Connection
from pathlib import Path

import cloudpickle

from bonag.executors.evaluating import evaluate
from loops.outcome import check_metrics
from loops.protocols import Evaluator, Job, Outcome, Report
from loops.trial_folder import OUTPUT, keep_outcome
from search_spaces import SearchSpace

# Beside the name of the system call, https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
_PR_SET_PDEATHSIG = 1
# The parts that this process has unpacked, by their pickles: data that an evaluator has loaded stays.
_unpacked: dict[bytes, tuple[Evaluator, SearchSpace | None]] = {}


def work(parts: bytes, job: Job, address: str, key: bytes, waits: bool) -> Outcome:
    """Evaluate a job for the process that listens at the address.

    parts: the evaluator and the space, packed by that process itself. waits: for what is said to each report, before
    the evaluation goes on.
    """
    with Client(address, authkey=key) as connection, _output_in(job.folder):
        line = _Line(connection, waits)
        connection.send_bytes(json.dumps({"index": job.index, "process": os.getpid()}).encode())
        if parts not in _unpacked:
            _unpacked.clear()
            _unpacked[parts] = cloudpickle.loads(parts)
        evaluator, space = _unpacked[parts]
        outcome = evaluate(evaluator, job, line.tell, space, wishes=(), settle=line.settle)
        # Here, so that it outlasts whoever waits for it; what it printed is added by those if it failed.
        if outcome.reason is None:
            line.settle()
            keep_outcome(job, outcome)
        return outcome


class _Line:
    """To the process that records."""

    def __init__(self, connection: Connection, waits: bool) -> None:
        self._connection, self._waits = connection, waits
        self._open = 0

    def tell(self, report: Report) -> bool:
        """Send a report; whether to go on, as far as it is waited for."""
        metrics: dict[str, float] = {}
        for name, value in report.metrics.items():
            with suppress(ValueError):
                metrics |= check_metrics({name: value}, ())
        self._connection.send_bytes(json.dumps({"step": int(report.step), "metrics": metrics}).encode())
        self._open += 1
        return self.settle() if self._waits else True

    def settle(self) -> bool:
        """Wait until all reports are recorded; whether to go on."""
        go_on = True
        while self._open:
            go_on = self._connection.recv_bytes() == b"go on"
            self._open -= 1
        return go_on


def belong_to(parent: int) -> None:
    """Die with the parent, however it ends; hear no signals of its terminal; be the first to go if memory is short."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


@contextmanager
def _output_in(folder: Path | None) -> Iterator[None]:
    """All that this process and its children print goes into the folder's file of output."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    kept = os.dup(1), os.dup(2)
    with open(folder / OUTPUT, "ab") as file:
        for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
            stream.flush()
            os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        for stream, descriptor, before in ((sys.stdout, 1, kept[0]), (sys.stderr, 2, kept[1])):
            with suppress(Exception):  # the evaluation may have closed or replaced it
                stream.flush()
            os.dup2(before, descriptor)
            os.close(before)
        with suppress(OSError):
            if (folder / OUTPUT).stat().st_size == 0:
                (folder / OUTPUT).unlink()
