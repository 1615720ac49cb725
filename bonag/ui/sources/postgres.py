"""All runs of a PostgreSQL database."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bonag.record import schema
from bonag.record.address import Address
from bonag.record.database import plain_errors, postgres_reader
from bonag.record.watching import read_stored, server_overviews, server_stamps
from bonag.ui.source import UnknownKeyError
from bonag.ui.sources.bonag_view import broken, client_of, known_of, summary_of, view_of
from bonag.ui.view import Summary, View
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from ax import Client

# Seconds for which the answers to all runs' questions hold; one question asks for all runs.
FRESH = 0.9
# Seconds for which a server that could not be reached is not asked again.
PAUSE = 10.0


@lru_cache(maxsize=32)
def _engine(address: Address) -> sa.Engine:
    return postgres_reader(address)


class PostgresSource:
    """The runs of a database, under their names. Sessions are read-only."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._asked = -FRESH
        self._stamps: dict[str, Hashable] = {}
        self._summarised: tuple[Hashable, list[Summary]] = (None, [])
        self._failed = -PAUSE
        self._problem = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return PostgresSource, (self.address,)

    def holds_runs(self) -> bool:
        """Whether it is a database of bonag; raises UserError if it cannot be reached."""
        with self._reached(), plain_errors(self.address):
            return bool(sa.inspect(_engine(self.address)).has_table(schema.versions.name))

    def summaries(self) -> list[Summary]:
        """All runs of the database; raises UserError if it cannot be reached."""
        stamps = self._all_stamps()
        stamp = tuple(sorted(stamps.items()))
        with self._lock:
            if self._summarised[0] == stamp:
                return self._summarised[1]
        with self._reached():
            found = server_overviews(_engine(self.address), self.address)
        summaries = [
            broken(name, name, one) if isinstance(one, str) else summary_of(name, one) for name, one in found.items()
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

    def view(self, key: str) -> View:
        """See ``Source``."""
        return self._view(key, None)

    def refreshed(self, key: str, before: View) -> View:
        """See ``Refreshing``."""
        return self._view(key, before)

    def client(self, key: str) -> Client:
        """See ``Source``."""
        return client_of(self.view(key))

    def _view(self, key: str, before: View | None) -> View:
        self.stamp(key)
        with self._reached():
            snapshot = read_stored(_engine(self.address), self.address, key, known_of(before) if before else None)
        return view_of(key, snapshot, self.address.public)

    def _all_stamps(self) -> dict[str, Hashable]:
        with self._lock:
            if time.monotonic() - self._asked < FRESH:
                return self._stamps
            with self._reached():
                self._stamps = server_stamps(_engine(self.address), self.address)
            self._asked = time.monotonic()
            return self._stamps

    def _reached(self) -> _Reached:
        if time.monotonic() - self._failed < PAUSE:
            raise UserError(self._problem)
        return _Reached(self)

    def gave_up(self, problem: str) -> None:
        """Do not ask again for a while."""
        self._failed, self._problem = time.monotonic(), problem


class _Reached:
    """Within this context, a server that cannot be reached is remembered, so that no page waits for it again."""

    def __init__(self, source: PostgresSource) -> None:
        self._source = source

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sa.exc.TimeoutError):
            raise UserError(f"{self._source.address.public} is busy: all connections are in use") from error
        if isinstance(error, UserError) and isinstance(error.__cause__, sa.exc.OperationalError):
            self._source.gave_up(str(error))
