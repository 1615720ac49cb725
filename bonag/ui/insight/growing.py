"""Background work on something that grows: what is shown meanwhile, and how often it is done anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bonag.ui.jobs import Job, Jobs

# Work that took a second is done anew after so many at the earliest, and never at once.
REST, LEAST_REST = 3.0, 5.0

# How many trials went in, and a checksum of what they are.
Version = tuple[int, int]


@dataclass(frozen=True)
class Shown:
    """version, result: of the newest work that is done, or None. job: work that goes on or has failed, or None.

    behind: whether there is a newer version than the one that is shown.
    """

    version: Version | None
    result: Any
    job: Job | None
    behind: bool

    @property
    def waits(self) -> bool:
        """Whether looking again soon will show more."""
        return self.behind and (self.job is None or not self.job.over)


class Growing:
    """Has work done for the newest version of its input, one version at a time and with rests between them."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._asked: dict[tuple[Hashable, ...], tuple[Version, float]] = {}

    def ask(self, place: tuple[Hashable, ...], version: Version, function: Callable[..., Any], *args: Any) -> Shown:
        """What there is of `function(*args)` for this version; has it done unless an earlier one is not over yet.

        place: what the work is, the same for all versions.
        """
        with self._lock:
            job = self._jobs.known((*place, version))
            if job is not None and job.state == "done":
                return Shown(version, job.result, None, False)
            latest = self._jobs.latest(place)
            if job is None:
                job = self._going_on(place)
            if job is None and (latest is None or self._rested(place, latest[1].seconds)):
                job = self._jobs.request((*place, version), function, *args)
                self._asked[place] = (version, time.monotonic())
            if latest is None:
                return Shown(None, None, job, True)
            before, done = latest
            return Shown(before, done.result, job, True)  # type: ignore[arg-type]

    def result(self, place: tuple[Hashable, ...], version: Version) -> Any:
        """The result for that version, or None if it is not there (any more)."""
        job = self._jobs.known((*place, version))
        return job.result if job is not None and job.state == "done" else None

    def again(self, place: tuple[Hashable, ...]) -> None:
        """Have failed work done again when it is next asked for."""
        with self._lock:
            asked = self._asked.pop(place, None)
            if asked is not None:
                self._jobs.forget((*place, asked[0]))

    def _going_on(self, place: tuple[Hashable, ...]) -> Job | None:
        """Earlier work that has not ended, or that failed."""
        asked = self._asked.get(place)
        job = self._jobs.known((*place, asked[0])) if asked else None
        return None if job is None or job.state == "done" else job

    def _rested(self, place: tuple[Hashable, ...], seconds: float) -> bool:
        asked = self._asked.get(place)
        return asked is None or time.monotonic() - asked[1] >= seconds + max(LEAST_REST, REST * seconds)
