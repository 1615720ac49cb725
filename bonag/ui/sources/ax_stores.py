"""Ax experiments where Ax stores them: in JSON files and in SQL databases, which are read and never written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bonag.record.address import Address
from bonag.record.database import plain_errors, postgres_reader, sqlite_reader
from bonag.ui.background.growing import Version
from bonag.ui.source import Summary, UnknownKeyError
from bonag.ui.sources.ax import AxSource, checksum, placeholder
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.ax.reading import Experiment

_BEGINNING = 600
# A client's snapshot, or an experiment alone.
_SIGNS = (
    re.compile(r'\A\s*\{\s*"_type"\s*:\s*"\w*Client\w*"'),
    re.compile(r'\A\s*\{\s*"(?:experiment"\s*:\s*\{\s*")?__type"\s*:\s*"(?:Multi|MultiType)?Experiment"'),
)


def is_snapshot(path: Path) -> bool:
    """Whether a file begins as Ax's snapshots do; cheap, and never raises."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            beginning = file.read(_BEGINNING)
    except OSError:
        return False
    return any(sign.search(beginning) for sign in _SIGNS)


class AxJson(AxSource):
    """The experiment of one file, under the key that it is given (the file's name without its ending)."""

    live = False

    def __init__(self, path: Path, key: str | None = None) -> None:
        self.path, self.key, self.public = path, key or path.stem, str(path)

    @property
    def single(self) -> str:
        """The only key."""
        return self.key

    def summaries(self) -> list[Summary]:
        """The only experiment."""
        try:
            return [self.view(self.key).summary]
        except UserError as error:
            return [placeholder(self.key, self.path.stem, self.public, str(error)).summary]

    def _name(self, key: str) -> str:
        if key != self.key:
            raise UnknownKeyError(key)
        return self.path.stem

    def _version(self, key: str) -> Version:
        self._name(key)
        try:
            status = self.path.stat()
        except OSError as error:
            return checksum(error.errno)
        return checksum((status.st_mtime_ns, status.st_size, status.st_ino))

    def _load(self, name: str) -> Experiment:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"cannot read '{self.path.name}': {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            problem = "it is empty" if self.path.stat().st_size == 0 else f"it is no whole JSON file ({error})"
            raise UserError(f"cannot read '{self.path.name}': {problem}") from error
        found = content.get("experiment", content) if isinstance(content, dict) else None
        if not isinstance(found, dict) or "Experiment" not in str(found.get("__type")):
            raise UserError(
                f"'{self.path.name}' is no Ax snapshot: write one with Client.save_to_json_file after "
                "configure_experiment"
            )
        from bonag.ax.untrusted import decode

        return decode(found)


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


class AxSql(AxSource):
    """All experiments of an Ax SQL store, by their number in it.

    where: a SQLite file, or the address of a PostgreSQL database. Lists them by queries of its own.
    """

    live = True

    def __init__(self, where: Path | Address) -> None:
        self.where = where
        self.public = where.public if isinstance(where, Address) else str(where)

    def summaries(self) -> list[Summary]:
        """All experiments, what is known of them without Ax; raises UserError if the database cannot be read."""
        with self._connect() as connection:
            experiments = list(connection.execute(_EXPERIMENTS))
            counts = [tuple(row) for row in connection.execute(_TRIALS)]
        return [
            self._summary(str(row.id), row.name, [count for count in counts if count[0] == row.id])
            for row in experiments
        ]

    def _summary(self, key: str, name: str, counts: list[tuple[Any, ...]]) -> Summary:
        if self._growing is not None and self._growing.over(self._place(key), self._version(key)):
            try:
                return self.view(key).summary
            except UserError as error:
                return placeholder(key, name, self.public, str(error)).summary
        starts = [count[3] for count in counts if count[3] is not None]
        ends = [count[4] for count in counts if count[4] is not None]
        live = any(count[1] in _OPEN for count in counts)
        return replace(
            placeholder(key, name, self.public).summary,
            state="running" if live else "finished",
            trials=sum(count[2] for count in counts),
            started=float(min(starts)) if starts else None,
            ended=None if live or not ends else float(max(ends)),
        )

    def _name(self, key: str) -> str:
        with self._connect() as connection:
            found = {str(row.id): str(row.name) for row in connection.execute(_EXPERIMENTS)}
        if key not in found:
            raise UnknownKeyError(key)
        return found[key]

    def _version(self, key: str) -> Version:
        self._name(key)
        with self._connect() as connection:
            return checksum(tuple(connection.execute(_STAMP, {"id": int(key)}).one()))

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with plain_errors(self.where), _engine(self.where).connect() as connection:
            yield connection

    def _load(self, name: str) -> Experiment:
        from bonag.ax.untrusted import load_stored

        with plain_errors(self.where):
            return load_stored(name, _engine(self.where))


@lru_cache(maxsize=32)
def _engine(where: Path | Address) -> sa.Engine:
    """Connections on which the database refuses to write; those to a server stay open."""
    return sqlite_reader(where, immutable=False) if isinstance(where, Path) else postgres_reader(where)
