"""The measuring process, seen from outside: an architecture goes in, a timing comes out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any

from bonag.profiling.timing import Timing
from search_spaces.errors import UserError


class MeasuringProcess:
    """A process of its own, so that no setting of this one changes; it starts when it is needed first.

    setup: as ``bonag.profiling.worker.main`` takes it.
    """

    def __init__(self, setup: dict[str, Any]) -> None:
        self._setup = setup
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> MeasuringProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        self._process.kill()
        with suppress(BrokenPipeError):  # it had died with a question in the pipe
            self._process.communicate()

    def time(self, architecture: str) -> Timing:
        """Time the network of an architecture, by its string; raises UserError that says why it cannot be."""
        process = self._process = self._process or _start(self._setup)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            print(architecture, file=process.stdin, flush=True)
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            status = process.wait()
            raise UserError(f"the process that measures ended with status {status} at the network of {architecture}")
        found = json.loads(answer)
        if "error" in found:
            raise UserError(f"the network of {architecture} cannot be measured: {found['error']}")
        return Timing(**found)


def _start(setup: dict[str, Any]) -> subprocess.Popen[str]:
    threads = str(setup["threads"])
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "bonag.profiling.worker", json.dumps(setup)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
    )
