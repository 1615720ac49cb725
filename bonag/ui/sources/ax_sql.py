"""Ax experiments in a database that Ax's own SQL storage wrote; they are read, and nothing is written."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bonag.record.address import Address
from bonag.record.database import plain_errors, postgres_reader, sqlite_reader
from bonag.ui.source import UnknownKeyError
from bonag.ui.sources.ax_reading import BackgroundReading
from bonag.ui.sources.ax_untrusted import arithmetic_only, decoder_registry
from bonag.ui.sources.ax_view import unread, view_of
from bonag.ui.view import Summary, View
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from ax import Client
    from ax.core.experiment import Experiment

    from bonag.ui.jobs import Jobs

_TABLE = "experiment_v2"
# As Ax numbers them in its tables: candidate, staged, running, dispatched.
_OPEN = {0, 1, 4, 6}
_EXPERIMENTS = sa.text(f"SELECT id, name, time_created FROM {_TABLE} ORDER BY id")
_TRIALS = sa.text(
    "SELECT experiment_id, status, count(*), min(time_created), max(time_completed) FROM trial_v2 "
    "GROUP BY experiment_id, status"
)
_STAMP = sa.text(
    "SELECT t.count, t.statuses, t.last, d.last, m.last FROM "
    '(SELECT count(*) AS count, sum(status * ("index" + 1)) AS statuses, max(time_completed) AS last FROM trial_v2 '
    "WHERE experiment_id = :id) t, "
    "(SELECT max(id) AS last FROM data_v2 WHERE experiment_id = :id) d, "
    "(SELECT max(id) AS last FROM metric_v2 WHERE experiment_id = :id) m"
)


def is_store(where: Path | Address) -> bool:
    """Whether a SQLite file or a PostgreSQL database has Ax's tables; raises UserError if it cannot be read."""
    with plain_errors(where):
        return bool(sa.inspect(_engine(where)).has_table(_TABLE))


class AxSql:
    """All experiments of an Ax SQL store, by their number in it.

    where: a SQLite file, or the address of a PostgreSQL database. Lists them by queries of its own; what is in one is
    read by Ax, in the background process if there is one (``read_by``), as Ax takes seconds to import.
    """

    def __init__(self, where: Path | Address) -> None:
        self.where = where
        self.public = where.public if isinstance(where, Address) else str(where)
        self._reading: BackgroundReading | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The background process reads by itself.
        return {"where": self.where, "public": self.public, "_reading": None}

    def read_by(self, jobs: Jobs) -> None:
        """Have the background process read from now on."""
        self._reading = BackgroundReading(AxSql(self.where), self.public, jobs)

    def summaries(self) -> list[Summary]:
        """All experiments, what is known of them without Ax; raises UserError if the database cannot be read."""
        with self._connected() as connection:
            experiments = list(connection.execute(_EXPERIMENTS))
            counts = list(connection.execute(_TRIALS))
        return [self._summary(row, [count for count in counts if count[0] == row.id]) for row in experiments]

    def stamp(self, key: str) -> Hashable:
        """Changes with the experiment's trials and data, and when Ax has read it."""
        version = self._version(key)
        return version, self._reading is not None and self._reading.over(key, version)

    def view(self, key: str) -> View:
        """The experiment; a placeholder while the background process reads. Raises UnknownKeyError and UserError."""
        name = self._name(key)
        if self._reading is not None:
            return self._reading.view(key, self._version(key), name, self.public)
        try:
            return view_of(self._experiment(name), key, name, self.public, live=True)
        except UserError:
            raise
        except Exception as error:  # whatever Ax makes of what it did not write
            raise self._foreign(name, error) from error

    def client(self, key: str) -> Client:
        """A client with the experiment, which is not connected to the database; raises as ``view``."""
        from ax import Client

        name = self._name(key)
        client = Client()
        try:
            client.set_experiment(self._experiment(name))
        except UserError:
            raise
        except Exception as error:
            raise self._foreign(name, error) from error
        return client

    def _version(self, key: str) -> Hashable:
        self._name(key)
        with self._connected() as connection:
            return tuple(connection.execute(_STAMP, {"id": int(key)}).one())

    def _name(self, key: str) -> str:
        with self._connected() as connection:
            found = {str(row.id): str(row.name) for row in connection.execute(_EXPERIMENTS)}
        if key not in found:
            raise UnknownKeyError(key)
        return found[key]

    def _summary(self, row: Any, counts: list[Any]) -> Summary:
        key = str(row.id)
        if self._reading is not None:
            version = self._version(key)
            if self._reading.over(key, version):
                try:
                    return self._reading.view(key, version, row.name, self.public).summary
                except UserError as error:
                    return unread(key, row.name, self.public, str(error)).summary
        starts = [count[3] for count in counts if count[3] is not None]
        ends = [count[4] for count in counts if count[4] is not None]
        live = any(count[1] in _OPEN for count in counts)
        return replace(
            unread(key, row.name, self.public).summary,
            state="running" if live else "finished",
            trials=sum(count[2] for count in counts),
            started=float(min(starts)) if starts else None,
            ended=None if live or not ends else float(max(ends)),
        )

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        with plain_errors(self.where), _engine(self.where).connect() as connection:
            yield connection

    def _experiment(self, name: str) -> Experiment:
        """Read by Ax, which finds its database through a variable of its module; that is set for this call only.

        Not by Client.load_from_database: it writes everything it has read back.
        """
        from ax.storage.sqa_store import db
        from ax.storage.sqa_store.load import load_experiment
        from ax.storage.sqa_store.sqa_config import SQAConfig
        from sqlalchemy.orm import scoped_session, sessionmaker

        config = SQAConfig(json_decoder_registry=decoder_registry(), json_class_decoder_registry={})
        before = db.SESSION_FACTORY
        made = scoped_session(sessionmaker(bind=_engine(self.where), expire_on_commit=False))
        try:
            db.SESSION_FACTORY = made
            with plain_errors(self.where), arithmetic_only():
                return load_experiment(
                    name,
                    config=config,
                    # Without the generators' states, the runners, and how metrics are fetched.
                    reduced_state=True,
                    skip_runners_and_metrics=True,
                    load_auxiliary_experiments=False,
                )
        finally:
            made.remove()
            db.SESSION_FACTORY = before

    def _foreign(self, name: str, error: Exception) -> UserError:
        from importlib.metadata import version

        problem = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return UserError(f"Ax {version('ax-platform')} cannot read experiment '{name}' of {self.public}: {problem}")


@lru_cache(maxsize=32)
def _engine(where: Path | Address) -> sa.Engine:
    """Connections on which the database refuses to write; those to a server stay open."""
    return sqlite_reader(where, immutable=False) if isinstance(where, Path) else postgres_reader(where)
