"""Where worker processes call in: who they are, and what they report."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from threading import Thread

from loops.protocols import Report


@dataclass(frozen=True)
class Hello:
    """A job has begun in a process."""

    index: int
    process: int


@dataclass(frozen=True)
class Call:
    """A job reports. ``answer`` tells it that the report is taken, and whether to go on."""

    report: Report
    answer: Callable[[bool], None]


class Listening:
    """Takes calls at ``address`` in threads of its own, and passes each on by ``put``."""

    def __init__(self, put: Callable[[Hello | Call], None]) -> None:
        self._put = put
        self._place = tempfile.TemporaryDirectory(prefix="bonag-")
        self.address = str(Path(self._place.name) / "s")
        self.key = secrets.token_bytes(32)
        self._listener = Listener(self.address, "AF_UNIX", backlog=64, authkey=self.key)
        self._open = True
        Thread(target=self._accept, daemon=True, name="bonag-listener").start()

    def close(self) -> None:
        """Take no more calls."""
        self._open = False
        self._listener.close()
        self._place.cleanup()

    def _accept(self) -> None:
        while self._open:
            try:
                line = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                continue
            Thread(target=self._listen, args=(line,), daemon=True, name="bonag-line").start()

    def _listen(self, line: Connection) -> None:
        with line, suppress(OSError, EOFError):
            hello = json.loads(line.recv_bytes())
            index = int(hello["index"])
            self._put(Hello(index, int(hello["process"])))
            while True:
                said = json.loads(line.recv_bytes())
                report = Report(index, said["step"], said["metrics"])
                self._put(Call(report, lambda go_on: _answer(line, go_on)))


def _answer(line: Connection, go_on: bool) -> None:
    with suppress(OSError):  # whoever asked is gone
        line.send_bytes(b"go on" if go_on else b"stop")
