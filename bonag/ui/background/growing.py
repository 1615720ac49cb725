"""Background work on something that grows: what is shown meanwhile, and how often it is done anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from starlette.exceptions import HTTPException

from bonag.ui.background.jobs import Job, Jobs, Key

# Work that took a second is done anew after so many at the earliest, and never at once.
REST, LEAST_REST = 3.0, 5.0

# How many trials went in, and a checksum of what they are.
Version = tuple[int, int]


@dataclass(frozen=True)
class Standing:
    """How work on something that grows stands.

    version, result, seconds: of the newest work that is done, and how long it took, or None and 0. job: work that goes
    on or has failed, or None. behind: whether there is a newer version than the one that is shown.
    """

    version: Version | None = None
    result: Any = None
    seconds: float = 0.0
    job: Job | None = None
    behind: bool = True

    @property
    def waits(self) -> bool:
        """Whether looking again soon will show more."""
        return self.behind and (self.job is None or not self.job.over)


class Growing:
    """Has work done for the newest version of its input, one version at a time and with rests between them.

    What the work is, the same for all its versions, is called its place.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._asked: dict[Key, tuple[Version, float]] = {}

    def ask(
        self,
        place: Key,
        version: Version,
        function: Callable[..., object],
        *args: object,
        every: bool = False,
        first: bool = False,
    ) -> Standing:
        """What there is of `function(*args)` for this version; has it done unless an earlier one is not over yet.

        every: for every version, at once, and also where an earlier one failed. first: before all that waits.
        """
        with self._lock:
            found = self._look(place, version)
            rested = every or found.version is None or self._has_rested(place, found.seconds)
            if found.behind and found.job is None and not every:
                found = self._with(found, self._find_unfinished(place))
            if found.behind and found.job is None and rested:
                found = self._with(found, self._jobs.request((*place, version), function, *args, first=first))
                self._asked[place] = (version, time.monotonic())
            return found

    def look(self, place: Key, version: Version) -> Standing:
        """What there is of the work; has nothing done."""
        with self._lock:
            found = self._look(place, version)
            return found if found.job or not found.behind else self._with(found, self._find_unfinished(place))

    def over(self, place: Key, version: Version) -> bool:
        """Whether the work for that version is done or has failed."""
        job = self._jobs.known((*place, version))
        return job is not None and job.over

    def result(self, place: Key, version: Version) -> Any:
        """The result for that version, or None if it is not there (any more)."""
        job = self._jobs.known((*place, version))
        return job.result if job is not None and job.state == "done" else None

    def again(self, place: Key) -> None:
        """Have failed work done again when it is next asked for."""
        with self._lock:
            asked = self._asked.pop(place, None)
            if asked is not None:
                job = self._jobs.known((*place, asked[0]))
                if job is not None and job.state == "failed":
                    self._jobs.forget((*place, asked[0]))

    def _look(self, place: Key, version: Version) -> Standing:
        job = self._jobs.known((*place, version))
        if job is not None and job.state == "done":
            return Standing(version, job.result, job.seconds, None, False)
        latest = self._jobs.latest(place)
        if latest is None:
            return Standing(job=job)
        return Standing(cast(Version, latest[0]), latest[1].result, latest[1].seconds, job)

    def _with(self, found: Standing, job: Job | None) -> Standing:
        return Standing(found.version, found.result, found.seconds, job)

    def _find_unfinished(self, place: Key) -> Job | None:
        """Earlier work that has not ended, or that failed."""
        asked = self._asked.get(place)
        job = self._jobs.known((*place, asked[0])) if asked else None
        return None if job is None or job.state == "done" else job

    def _has_rested(self, place: Key, seconds: float) -> bool:
        asked = self._asked.get(place)
        return asked is None or time.monotonic() - asked[1] >= seconds + max(LEAST_REST, REST * seconds)


def read_version(text: str) -> Version:
    """The inverse of ``write_version``; raises HTTPException (404) for anything else."""
    first, _, second = text.partition("-")
    if not (text.isascii() and first.isdecimal() and second.isdecimal() and len(text) < 40):
        raise HTTPException(404)
    return int(first), int(second)


def write_version(version: Version) -> str:
    """A version as it stands in an address."""
    return f"{version[0]}-{version[1]}"
