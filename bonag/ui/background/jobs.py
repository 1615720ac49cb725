"""Slow work of the pages, done in one background process, so that no page waits for PyTorch or Ax."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

from cachetools import LRUCache

from bonag.ui.background.worker import Died, Worker

Key = tuple[Hashable, ...]


@dataclass(frozen=True)
class Job:
    """How a piece of work stood when it was asked for.

    state: "waiting", "running", "done" or "failed". seconds: that it has run, waiting not counted. progress: what it
    does just now, a few words. result: what the function returned. error: one line, if it failed. asked: when somebody
    last asked for it; size: of the result, in bytes.
    """

    state: str
    seconds: float = 0.0
    progress: str = ""
    result: Any = None
    error: str | None = None
    asked: float = 0.0
    started: float = 0.0
    size: float = 0.0

    @property
    def over(self) -> bool:
        """Whether it is done or has failed."""
        return self.state in ("done", "failed")


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
        self._most, self._least, self._limit = megabytes * 1e6, megabytes * 1e6 / keep, limit
        self._idle, self._forget = idle, forget
        # What waits, in its order, with the pickled work; what runs; and what is over.
        self._waiting: dict[Key, bytes] = {}
        self._open: dict[Key, Job] = {}
        self._over: LRUCache[Key, Job] = LRUCache(self._most, getsizeof=self._weight)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._worker: Worker | None = None
        self._closed = False

    def request(self, key: Key, function: Callable[..., object], *args: object, first: bool = False) -> Job:
        """Have `function(*args)` done in the background, unless it is, was or waits to be; returns at once.

        key: what the work is, and as its last item for which version of the experiment (number of trials, stamp):
        waiting work that differs in the last item only is dropped. function: of a module that imports light; its
        result is plain values, for this process unpickles it. It may call `progress.report` to say how far it is.
        first: before what is already waiting. Work that failed stays so until `forget` is called.
        Raises RuntimeError after `close`.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("the background process is closed")
            if key not in self._open and key not in self._over:
                for old in [other for other in self._waiting if other[:-1] == key[:-1]]:
                    del self._waiting[old], self._open[old]
                work = {key: pickle.dumps((function, args))}
                self._waiting = work | self._waiting if first else self._waiting | work
                self._open[key] = Job("waiting", asked=time.monotonic())
                self._start()
                self._changed.notify_all()
            return self._now(key)

    def known(self, key: Key) -> Job | None:
        """The work of this key, if it was requested and is remembered; asks for nothing."""
        with self._changed:
            return self._now(key) if key in self._open or key in self._over else None

    def latest(self, place: Key, done: bool = True) -> tuple[Hashable, Job] | None:
        """Of the keys that are `place` and a version, the newest work: (version, job), or None.

        done: of that which is done only.
        """
        with self._changed:
            keys = [key for key in [*self._over, *self._open] if key[:-1] == place]
            jobs = [(key[-1], self._now(key)) for key in keys]
            return next(((version, job) for version, job in reversed(jobs) if job.state == "done" or not done), None)

    def forget(self, key: Key) -> None:
        """Let the next request of this key do the work again, if it is over."""
        with self._changed:
            self._over.pop(key, None)

    def close(self) -> None:
        """End the process at once, whatever it does. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._retire()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(5)

    def _now(self, key: Key) -> Job:
        if key in self._over:
            return self._over[key]
        job = self._open[key] = replace(self._open[key], asked=time.monotonic())
        return replace(job, seconds=time.monotonic() - job.started) if job.state == "running" else job

    def _weight(self, job: Job) -> float:
        return min(max(job.size, self._least), self._most)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="bonag-ui-jobs", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        """The thread that hands the work to the process, one piece at a time."""
        while True:
            with self._changed:
                if not self._waiting and not self._closed and not self._changed.wait(self._idle):
                    self._retire()
                if self._closed:
                    return
                key = self._next()
                if key is None:
                    continue
                starting = "" if self._worker else "starting the background process"
                self._open[key] = replace(self._open[key], state="running", started=time.monotonic(), progress=starting)
                payload = self._waiting.pop(key)
            self._do(key, payload)

    def _next(self) -> Key | None:
        """The first waiting work that somebody still wants; what nobody wants any more is dropped."""
        for key in list(self._waiting):
            if time.monotonic() - self._open[key].asked <= self._forget:
                return key
            del self._waiting[key], self._open[key]
        return None

    def _do(self, key: Key, payload: bytes) -> None:
        """Have one piece done and note what came of it."""

        def progress(text: str) -> None:
            with self._changed:
                self._open[key] = replace(self._open[key], progress=text)

        result, error, size = None, None, 0
        # Of a process that was killed while idle one hears only when the work does not begin; another one does it.
        for last in (False, True):
            try:
                result, error, size = self._process().do(payload, progress, self._limit)
            except Died as problem:
                error = str(problem)
                self._retire()
                if not (last or problem.begun):
                    continue
            break
        with self._changed:
            seconds = time.monotonic() - self._open.pop(key).started
            self._over[key] = Job("failed" if error else "done", seconds, "", result, error, size=size)
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
