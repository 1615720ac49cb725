"""The background process of the pages: both ends of it."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection

from bonag.insight.progress import listen
from search_spaces.errors import UserError

_DONE, _FAILED, _PROGRESS = "done", "failed", "progress"


class Died(RuntimeError):
    """The background process ended at its work, or was ended for taking too long.

    begun: whether it had begun; a process that was killed while it was idle has not.
    """

    def __init__(self, problem: str, begun: bool) -> None:
        super().__init__(problem)
        self.begun = begun


class Worker:
    """The server's end: a process of low priority, with one thread of computation.

    It is a fresh interpreter rather than a fork, for forking a threaded server is unsafe, and started without
    `multiprocessing`, which would run the server's main module again. The only link is a pair of sockets; when the
    server's end closes, which the operating system does however the server dies, the process ends itself. What the two
    unpickle comes from each other only.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        environment = os.environ | threads | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with theirs:
            code = f"from bonag.ui.background.worker import main; main({theirs.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        self._link = Connection(ours.detach())

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def do(self, payload: bytes, progress: Callable[[str], None], limit: float) -> tuple[object, str | None, int]:
        """Have a pickled (function, arguments) done: the result, the error (one line) and the result's bytes.

        progress: called with what it reports. Raises Died if the process ends, or takes more than `limit` seconds.
        """
        end, begun = time.monotonic() + limit, False
        try:
            self._link.send_bytes(payload)
            while self._link.poll(max(end - time.monotonic(), 0)):
                kind, content = self._link.recv()
                begun = True
                if kind == _PROGRESS:
                    progress(content)
                elif kind == _FAILED:
                    return None, content, 0
                else:
                    # Nobody else holds the socket, and what the other end makes of files of others are values of ours.
                    return pickle.loads(content), None, len(content)  # noqa: S301
        except (EOFError, OSError):
            raise Died(self._how(), begun) from None
        raise Died(f"was given up after {limit:g} seconds", True)

    def _how(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.returncode
        if code == -signal.SIGKILL:
            return "the background process was killed, most likely for lack of memory"
        return f"the background process died ({signal.Signals(-code).name if code and code < 0 else f'exit {code}'})"

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()


def main(descriptor: int) -> None:
    """The process's end: do the work that comes through the socket until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the server's to answer.
    with contextlib.suppress(OSError):
        os.nice(10)
    warnings.simplefilter("ignore")
    link = Connection(descriptor)
    work: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(link, work), daemon=True).start()
    listen(lambda text: _send(link, _PROGRESS, text))
    while True:
        try:
            payload = work.get()
            # The other end knows by this that the work has begun.
            _send(link, _PROGRESS, "")
            function, args = pickle.loads(payload)  # noqa: S301
            content = pickle.dumps(function(*args))
        except UserError as error:
            _send(link, _FAILED, str(error))
        except BaseException as error:
            _send(link, _FAILED, " ".join(f"{type(error).__name__}: {error}".split()))
        else:
            _send(link, _DONE, content)


def _listen(link: Connection, work: queue.SimpleQueue[bytes]) -> None:
    """Read even during work, so that the end of the server is noticed at once."""
    try:
        while True:
            work.put(link.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


def _send(link: Connection, kind: str, content: object) -> None:
    link.send((kind, content))
