"""One live writer per run."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from bonag.safe_reading import check_regular


class Lock:
    """An advisory lock on a file; the system releases it when the process ends, however that comes about."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def exclusive(cls, path: Path, wait: float = 0.0) -> Lock | None:
        """The writer's lock, or None if another process still holds it after ``wait`` seconds.

        Raises UserError for what is no file.
        """
        check_regular(path)
        return cls._acquire(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), fcntl.LOCK_EX, wait)

    @classmethod
    def shared(cls, path: Path) -> Lock | None:
        """A reader's lock, or None while a writer is alive. Works where nothing may be written.

        Raises UserError for what is no file.
        """
        check_regular(path)
        return cls._acquire(os.open(path, os.O_RDONLY | os.O_CLOEXEC), fcntl.LOCK_SH, 0.0)

    @classmethod
    def _acquire(cls, descriptor: int, kind: int, wait: float) -> Lock | None:
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                return cls(descriptor)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return None
                time.sleep(0.05)
            except BaseException:
                os.close(descriptor)
                raise

    def sign(self) -> None:
        """Leave this process's number in the file, for those who meet the lock; a full disk does not matter."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def __del__(self) -> None:
        self.release()

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def holder(path: Path) -> str:
    """Who holds the lock, and what to do about it."""
    with suppress(OSError, ValueError):
        number = int(path.read_text())
        os.kill(number, 0)  # raises where there is no such process, which then left its number and is gone
        if number == os.getpid():
            return "this very process: close it there first"
        return f"process {number}, which is alive: wait for it, or stop it first"
    return "another process, which is alive: wait for it, or stop it first"
