"""Slow work of the pages, done in one background process, so that no page waits for PyTorch or Ax."""

from __future__ import annotations

import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from bonag.ui.worker import Died, Worker

_WAITING, _RUNNING, _DONE, _FAILED = "waiting", "running", "done", "failed"


@dataclass(frozen=True)
class Job:
    """How a piece of work stood when it was asked for.

    state: "waiting", "running", "done" or "failed". seconds: that it has run, waiting not counted. progress: what it
    does just now, a few words. result: what the function returned. error: one line, if it failed.
    """

    state: str
    seconds: float = 0.0
    progress: str = ""
    result: Any = None
    error: str | None = None

    @property
    def over(self) -> bool:
        """Whether it is done or has failed."""
        return self.state in (_DONE, _FAILED)


@dataclass
class _Entry:
    """A piece of work, under the lock."""

    payload: bytes
    asked: float
    state: str = _WAITING
    started: float = 0.0
    seconds: float = 0.0
    progress: str = ""
    result: Any = None
    error: str | None = None
    size: int = 0

    def job(self) -> Job:
        seconds = time.monotonic() - self.started if self.state == _RUNNING else self.seconds
        return Job(self.state, seconds, self.progress, self.result, self.error)


class Jobs:
    """One background process that does one piece of work after another and remembers the results.

    The process is started by the first request, by a thread of this object, so no caller ever waits; it ends with
    `close`, when it was idle for `idle` seconds, and by itself as soon as the server is gone, however that died.
    If it dies at its work (out of memory, killed), that work has failed, and the next piece gets a new process.

    keep: results that are remembered, at most `megabytes` of them, the least lately used go first.
    limit: seconds after which a piece of work is given up. forget: seconds after which waiting work that nobody has
    asked for again is dropped, for the page that wanted it is closed.
    """

    def __init__(
        self, keep: int = 256, megabytes: float = 128, limit: float = 900, idle: float = 900, forget: float = 120
    ) -> None:
        self._keep, self._bytes, self._limit, self._idle, self._forget = keep, megabytes * 1e6, limit, idle, forget
        self._entries: OrderedDict[tuple[Hashable, ...], _Entry] = OrderedDict()
        self._waiting: list[tuple[Hashable, ...]] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._worker: Worker | None = None
        self._closed = False

    def request(self, key: tuple[Hashable, ...], function: Callable[..., Any], *args: Any, first: bool = False) -> Job:
        """Have `function(*args)` done in the background, unless it is, was or waits to be; returns at once.

        key: what the work is, and as its last item for which version of the experiment (number of trials, stamp):
        waiting work that differs in the last item only is dropped. function: of a module that imports light; its
        result is plain values, for this process unpickles it. It may call `worker.report` to say how far it is.
        first: before what is already waiting. Work that failed stays so until `forget` is called.
        Raises RuntimeError after `close`.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("the background process is closed")
            entry = self._entries.get(key)
            if entry is None:
                for old in [other for other in self._waiting if other[:-1] == key[:-1]]:
                    self._waiting.remove(old)
                    del self._entries[old]
                entry = _Entry(pickle.dumps((function, args)), time.monotonic())
                self._entries[key] = entry
                self._waiting.insert(0 if first else len(self._waiting), key)
                self._start()
                self._changed.notify_all()
            entry.asked = time.monotonic()
            self._entries.move_to_end(key)
            return entry.job()

    def known(self, key: tuple[Hashable, ...]) -> Job | None:
        """The work of this key, if it was requested and is remembered; asks for nothing."""
        with self._changed:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry.job()

    def latest(self, place: tuple[Hashable, ...], done: bool = True) -> tuple[Hashable, Job] | None:
        """Of the keys that are `place` and a version, the work that was asked for last: (version, job), or None.

        done: of that which is done only.
        """
        with self._changed:
            for key in reversed(self._entries):
                if key[:-1] == place and (not done or self._entries[key].state == _DONE):
                    return key[-1], self._entries[key].job()
        return None

    def forget(self, key: tuple[Hashable, ...]) -> None:
        """Let the next request of this key do the work again, if it is over."""
        with self._changed:
            entry = self._entries.get(key)
            if entry and entry.state in (_DONE, _FAILED):
                del self._entries[key]

    def wait(
        self, key: tuple[Hashable, ...], function: Callable[..., Any], *args: Any, timeout: float | None = None
    ) -> Job:
        """Like `request`, but returns when the work is over or after `timeout` seconds. Not for the event loop."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            job = self.request(key, function, *args)
            with self._changed:
                left = 1.0 if end is None else min(1.0, end - time.monotonic())
                entry = self._entries.get(key)
                if job.over or left <= 0:
                    return job
                if entry is not None and entry.state not in (_DONE, _FAILED):
                    self._changed.wait(left)

    def close(self) -> None:
        """End the process at once, whatever it does. May be called twice."""
        with self._changed:
            self._closed = True
            worker, self._worker = self._worker, None
            self._changed.notify_all()
        if worker:
            worker.kill()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(5)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="bonag-ui-jobs", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        """The thread that hands the work to the process, one piece at a time."""
        while True:
            with self._changed:
                if not self._waiting and not self._closed and not self._changed.wait(self._idle):
                    worker, self._worker = self._worker, None
                    if worker:
                        worker.kill()
                if self._closed:
                    return
                entry = self._next()
                if entry is None:
                    continue
                entry.state, entry.started = _RUNNING, time.monotonic()
                entry.progress = "" if self._worker else "starting the background process"
            self._do(entry)

    def _next(self) -> _Entry | None:
        """The first waiting entry that somebody still wants, taken from the queue."""
        while self._waiting:
            key = self._waiting.pop(0)
            if time.monotonic() - self._entries[key].asked <= self._forget:
                return self._entries[key]
            del self._entries[key]
        return None

    def _do(self, entry: _Entry) -> None:
        """Have one piece done and note what came of it."""

        def progress(text: str) -> None:
            with self._changed:
                entry.progress = text

        result, error, size = None, None, 0
        # Of a process that was killed while idle one hears only when the work does not begin; another one does it.
        for last in (False, True):
            try:
                result, error, size = self._process().do(entry.payload, progress, self._limit)
            except Died as problem:
                error = str(problem)
                self._retire()
                if not (last or problem.begun):
                    continue
            break
        with self._changed:
            entry.seconds = time.monotonic() - entry.started
            entry.result, entry.error, entry.size = result, error, size
            entry.state, entry.progress, entry.payload = _FAILED if error else _DONE, "", b""
            self._trim()
            self._changed.notify_all()

    def _process(self) -> Worker:
        worker = self._worker if self._worker and self._worker.alive else Worker()
        with self._changed:
            if not self._closed:
                self._worker = worker
                return worker
        worker.kill()
        raise Died("the server is closing", True)

    def _retire(self) -> None:
        with self._changed:
            worker, self._worker = self._worker, None
        if worker:
            worker.kill()

    def _trim(self) -> None:
        over = [key for key, entry in self._entries.items() if entry.state in (_DONE, _FAILED)]
        total = sum(entry.size for entry in self._entries.values())
        while len(over) > 1 and (len(over) > self._keep or total > self._bytes):
            total -= self._entries.pop(over.pop(0)).size
