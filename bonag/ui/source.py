"""Where experiments come from, as the pages see it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from bonag.ui.view import Summary, View

if TYPE_CHECKING:
    from ax import Client

    from bonag.ui.jobs import Jobs


class UnknownKeyError(KeyError):
    """No experiment has this key."""


class Source(Protocol):
    """Experiments that can be read and never written. Safe from several threads, and picklable.

    A key is looked up among those that were found, and never becomes part of a path or a query's text.
    """

    def summaries(self) -> list[Summary]:
        """All experiments; one that cannot be read is there too, with its ``problem``."""
        ...

    def stamp(self, key: str) -> Hashable:
        """A cheap value that changes if and only if the experiment did; raises UnknownKeyError."""
        ...

    def view(self, key: str) -> View:
        """All of an experiment; raises UnknownKeyError, or UserError if it cannot be read."""
        ...

    def client(self, key: str) -> Client:
        """The experiment as Ax has it, for the background process only, since it imports Ax; raises as ``view``."""
        ...


@runtime_checkable
class Refreshing(Protocol):
    """A source that need not read again what cannot have changed."""

    def refreshed(self, key: str, before: View) -> View:
        """What ``view`` gives now, made with the help of an earlier view; raises as ``view``."""
        ...


@runtime_checkable
class ReadInBackground(Protocol):
    """A source with experiments that only Ax can read, which takes seconds to import."""

    def read_by(self, jobs: Jobs) -> None:
        """Have the background process read them from now on."""
        ...
