"""Experiments as the pages see them, and where they come from."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import quote

from bonag.record.editing import Place
from bonag.record.note_rows import NO_NOTE, Note, Notes
from loops.config import RunConfig
from loops.gain import NOTHING, Gain
from loops.history import History
from loops.objective import Objective
from loops.pace import seconds_left
from loops.source import Source as TransferSource
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.ax.reading import Experiment
    from bonag.ui.background.growing import Growing, Version


class UnknownKeyError(KeyError):
    """No experiment has this key."""


@dataclass(frozen=True)
class Summary:
    """An experiment in one line, made without reading all of it.

    key: by which the source finds it again. kind: what wrote it. state: running, finished, stopped, interrupted,
    unreadable, or of Ax's reading or snapshot. objective: its text. gain: what its trials are worth. trials: how
    many there are; all but the ``known`` ones count towards ``budget``. started, ended: seconds since the epoch; ended
    is the end of the last trial of a run that does not run. problem: why it cannot be read, in one line, or None; then
    what could not be found out is empty. found: the gain in words, with the unit. note: that somebody wrote about it.
    """

    key: str
    name: str
    kind: Literal["bonag", "ax"]
    state: str
    space: str | None = None
    task: str | None = None
    strategy: str | None = None
    objective: str = ""
    gain: Gain = NOTHING
    trials: int = 0
    budget: int | None = None
    seed: int | None = None
    started: float | None = None
    ended: float | None = None
    problem: str | None = None
    known: int = 0
    found: str | None = None
    note: Note = NO_NOTE

    @property
    def path(self) -> str:
        """The address of its page."""
        return f"/runs/{quote(self.key, safe='')}"


@dataclass(frozen=True, eq=False)
class View:
    """An experiment as it was at one moment.

    config: None for an experiment that is no run of bonag. space: None for one that searches none of bonag's spaces.
    description: what its numbers are and are not. reason: why it stands where it stands. where: its folder, file or
    database, without secrets. sources: of transfer. units: by metric, where they are known. notes: that people wrote
    about trials, by index. stop_asked: whether it runs, and somebody wants it to stop.
    """

    summary: Summary
    history: History
    objective: Objective
    space: SearchSpace | None
    config: RunConfig | None
    description: str
    reason: str | None
    where: str
    sources: tuple[TransferSource, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    notes: Notes = field(default_factory=dict)
    stop_asked: bool = False

    @property
    def path(self) -> str:
        """The address of its page."""
        return self.summary.path

    @property
    def seconds_left(self) -> float | None:
        """About how long the run still takes, from its last trial's end; None where it does not run."""
        return seconds_left(self.history, self.summary.budget) if self.summary.state == "running" else None

    def draw(self, architecture: Architecture, small: bool = False) -> str | None:
        """An architecture as SVG; None where there is no space to draw it by."""
        return None if self.space is None else self.space.draw(architecture, small)


class Source(Protocol):
    """Experiments that can be read, and where they are. Safe from several threads, and picklable.

    A key is looked up among those that were found, and never becomes part of a path or a query's text.
    """

    @property
    def single(self) -> str | None:
        """The key of the only experiment, where a single one was asked for."""
        return None

    def read_in_background(self, growing: Growing) -> None:
        """Have the background process read from now on what only Ax can read, as Ax takes seconds to import."""
        return None

    def summaries(self) -> list[Summary]:
        """All experiments; one that cannot be read is there too, with its ``problem``."""
        ...

    def stamp(self, key: str) -> Hashable:
        """A cheap value that changes if and only if the experiment did; raises UnknownKeyError."""
        ...

    def view(self, key: str, before: View | None = None) -> View:
        """All of an experiment; raises UnknownKeyError, or UserError if it cannot be read.

        before: an earlier view, of which what cannot have changed is not read again.
        """
        ...

    def place(self, key: str) -> Place:
        """Where the run is, for those who change it; raises UnknownKeyError, or UserError for no run of bonag."""
        raise UserError("only runs of bonag can be changed")

    def look_again(self, key: str) -> None:
        """Forget what was found lately, since the run was changed."""
        return None

    def experiment(self, key: str) -> Experiment:
        """The experiment as Ax has it, for the background process only, since it imports Ax; raises as ``view``."""
        ...


@lru_cache(maxsize=64)
def version_of(view: View) -> Version:
    """Of a run, its completed trials; an experiment of others may change in any way, so all that is known of it."""
    completed = view.history.completed
    if view.config is not None:
        known: object = [(one.index, [one.metrics.get(name) for name in view.objective.metrics]) for one in completed]
    else:
        known = (
            str(view.objective),
            [
                (one.index, one.status, one.reason, str(one.architecture), sorted(one.metrics.items()))
                for one in view.history
            ],
        )
    return len(completed), zlib.crc32(repr(known).encode())
