"""All runs of a PostgreSQL database."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import sqlalchemy as sa

from bonag.record import schema
from bonag.record.address import Address
from bonag.record.database import plain_errors, postgres_reader
from bonag.record.editing import Place
from bonag.record.watching import read_stored, server_overviews, server_stamps
from bonag.ui.source import Summary, UnknownKeyError, View
from bonag.ui.sources.runs import RunSource, known_of, summary_of, unreadable_summary, view_of
from search_spaces.errors import UserError

# Seconds for which the answers to all runs' questions hold; one question asks for all runs.
FRESH = 0.9
# Seconds for which a server that could not be reached is not asked again.
PAUSE = 10.0


@lru_cache(maxsize=32)
def _engine(address: Address) -> sa.Engine:
    return postgres_reader(address)


class PostgresSource(RunSource):
    """The runs of a database, under their names. Sessions are read-only."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._asked = -FRESH
        self._stamps: dict[str, Hashable] = {}
        self._summarised: tuple[Hashable, list[Summary]] = (None, [])
        self._failed = -PAUSE
        self._problem = ""

    def __reduce__(self) -> tuple[type[PostgresSource], tuple[Address]]:
        return PostgresSource, (self.address,)

    def holds_runs(self) -> bool:
        """Whether it is a database of bonag; raises UserError if it cannot be reached."""
        with self._reach(), plain_errors(self.address):
            return bool(sa.inspect(_engine(self.address)).has_table(schema.versions.name))

    def summaries(self) -> list[Summary]:
        """All runs of the database; raises UserError if it cannot be reached."""
        stamps = self._all_stamps()
        stamp = tuple(sorted(stamps.items()))
        with self._lock:
            if self._summarised[0] == stamp:
                return self._summarised[1]
        with self._reach():
            found = server_overviews(_engine(self.address), self.address)
        summaries = [
            unreadable_summary(name, name, one) if isinstance(one, str) else summary_of(name, one)
            for name, one in found.items()
        ]
        with self._lock:
            self._summarised = stamp, summaries
        return summaries

    def stamp(self, key: str) -> Hashable:
        """Changes with the run; raises UnknownKeyError, or UserError if the database cannot be reached."""
        try:
            return self._all_stamps()[key]
        except KeyError:
            raise UnknownKeyError(key) from None

    def view(self, key: str, before: View | None = None) -> View:
        """See ``Source``."""
        self.stamp(key)
        with self._reach():
            snapshot = read_stored(_engine(self.address), self.address, key, known_of(before))
        return view_of(key, snapshot, self.address.public)

    def place(self, key: str) -> Place:
        """See ``Source``."""
        self.stamp(key)
        return Place(key, None, self.address)

    def look_again(self, key: str) -> None:
        """See ``Source``."""
        self._asked = -FRESH

    def _all_stamps(self) -> dict[str, Hashable]:
        with self._lock:
            if time.monotonic() - self._asked < FRESH:
                return self._stamps
            with self._reach():
                self._stamps = server_stamps(_engine(self.address), self.address)
            self._asked = time.monotonic()
            return self._stamps

    @contextmanager
    def _reach(self) -> Iterator[None]:
        """Within this context, a server that cannot be reached is remembered, so that no page waits for it again."""
        if time.monotonic() - self._failed < PAUSE:
            raise UserError(self._problem)
        try:
            yield
        except sa.exc.TimeoutError as error:
            raise UserError(f"{self.address.public} is busy: all connections are in use") from error
        except UserError as error:
            if isinstance(error.__cause__, sa.exc.OperationalError):
                self._failed, self._problem = time.monotonic(), str(error)
            raise
