"""How the cards of a page stand: asks the background process for them, and for no more than is worth it."""

from __future__ import annotations

import zlib
from collections.abc import Hashable
from dataclasses import dataclass

from bonag.ui.analyses.catalogue import Card
from bonag.ui.analyses.computing import compute
from bonag.ui.analyses.values import Computed
from bonag.ui.jobs import Job
from bonag.ui.site import Site
from bonag.ui.view import View

# A card of a live run is computed again when it has grown by this share, and by this many completed trials.
GROWTH, STEP = 0.1, 5


@dataclass(frozen=True)
class Standing:
    """A card, and what there is of it.

    state: "absent", "few" (trials), "idle" (not asked for), "waiting", "running", "failed", "done".
    computed: what is shown, perhaps of an earlier version while a newer one is on its way; shown_version: that one.
    seconds: that the computing took, or has taken. behind: completed trials that are not in it.
    """

    card: Card
    state: str
    shown_version: int = 0
    seconds: float = 0.0
    progress: str = ""
    error: str | None = None
    computed: Computed | None = None
    behind: int = 0


def standing(site: Site, key: str, card: Card, asked: bool = False) -> Standing:
    """The card now; requests it if it is one that comes by itself, or was asked for, and is not there yet.

    Raises UnknownKeyError, or UserError if the experiment cannot be read.
    """
    stamp, view = site.views.stamped(key)
    completed = len(view.history.completed)
    if card.absent:
        return Standing(card, "absent")
    if completed < card.least:
        return Standing(card, "few")
    place, version = _place(view, card), _version(view, stamp)
    latest = _latest(site, place, done=True)
    if not asked:
        if card.demand:
            newest = _latest(site, place, done=False)
            return _standing(card, newest, latest, completed) if newest else Standing(card, "idle")
        if latest and _fresh(view, latest[1].result.trials, completed):
            return _standing(card, latest, latest, completed)
    elif (known := site.jobs.known((*place, version))) and known.state == "failed":
        site.jobs.forget((*place, version))
    job = site.jobs.request((*place, version), compute, site.source, key, stamp, card)
    return _standing(card, (version, job), latest, completed)


def result(site: Site, key: str, card: Card, version: int) -> Computed | None:
    """What was computed for a version, if it is still remembered."""
    job = site.jobs.known((*_place(site.views.get(key), card), version))
    return job.result if job is not None and isinstance(job.result, Computed) else None


def _latest(site: Site, place: tuple[Hashable, ...], done: bool) -> tuple[int, Job] | None:
    found = site.jobs.latest(place, done)
    return None if found is None else (int(str(found[0])), found[1])


def _standing(card: Card, now: tuple[int, Job], before: tuple[int, Job] | None, completed: int) -> Standing:
    job = now[1]
    version, shown = now if job.state == "done" or before is None else before
    computed = shown.result if isinstance(shown.result, Computed) else None
    behind = completed - computed.trials if computed else 0
    return Standing(card, job.state, version, job.seconds, job.progress, job.error, computed, behind)


def _fresh(view: View, before: int, now: int) -> bool:
    """Whether what was computed of a live run will do for some more trials."""
    if view.config is None or view.summary.state != "running":
        return False
    return before <= now < before + max(STEP, GROWTH * before)


def _place(view: View, card: Card) -> tuple[Hashable, ...]:
    # A run may be deleted, and another one be given its name; then it was made at another time.
    made = view.summary.started if view.config is not None else None
    return ("analyses", view.summary.key, made, card)


def _version(view: View, stamp: Hashable) -> int:
    """The number of completed trials, or of an experiment of others, which may change in any way, of its stamp."""
    return len(view.history.completed) if view.config is not None else zlib.crc32(repr(stamp).encode())
