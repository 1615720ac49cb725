"""Reading with Ax, in the background where there is a background process."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from bonag.ui.sources.ax_view import unread
from bonag.ui.view import View
from bonag.ui.worker import report
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.ui.jobs import Jobs
    from bonag.ui.source import Source


class BackgroundReading:
    """The views of a source that takes seconds to read: a placeholder, until the background process has read one.

    source: pickled as it is for the background process; its ``view`` must do the reading itself there. place: what
    tells its work from that of other sources.
    """

    def __init__(self, source: Source, place: Hashable, jobs: Jobs) -> None:
        self._source, self._place, self._jobs = source, place, jobs

    def over(self, key: str, stamp: Hashable) -> bool:
        """Whether this version was read, or found to be unreadable."""
        job = self._jobs.known(self._job(key, stamp))
        return job is not None and job.over

    def view(self, key: str, stamp: Hashable, name: str, where: str) -> View:
        """The view, or the latest older one, or a placeholder; raises UserError for what cannot be read."""
        job = self._jobs.request(self._job(key, stamp), _read, self._source, key, first=True)
        if job.state == "done":
            view: View = job.result
            return view
        if job.state == "failed":
            raise UserError(str(job.error))
        older = self._jobs.latest(self._job(key, stamp)[:-1])
        if older is not None:
            earlier: View = older[1].result
            return earlier
        return unread(key, name, where)

    def _job(self, key: str, stamp: Hashable) -> tuple[Hashable, ...]:
        return ("reading", self._place, key, stamp)


def _read(source: Source, key: str) -> View:
    report("Ax is reading the experiment")
    return source.view(key)
