"""Connections to the two kinds of database, and their errors in plain words."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from bonag.record.address import Address
from search_spaces.errors import UserError

# Under this name a connection says that its transactions need not be on disk when they are committed.
PASSING = "passing"


class OutOfReachError(UserError):
    """The database cannot be used now, and may be again: locked, full, restarted, away."""


class DamagedError(UserError):
    """The file is no database any more, or never was one."""


def sqlite_writer(path: Path) -> sa.Engine:
    """A database file for one writer: a committed transaction survives a crash of the process and of the machine.

    Those that begin while ``connection.info[PASSING]`` is true outlast the machine only once a later one does.
    """

    def connect() -> sqlite3.Connection:
        # Short: while SQLite waits no signal is heard, so it is waited for elsewhere.
        connection = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        wait = "NORMAL" if connection.info.get(PASSING) else "FULL"
        connection.exec_driver_sql(f"PRAGMA synchronous={wait}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def sqlite_reader(path: Path, *, immutable: bool) -> sa.Engine:
    """A database file that is only read. ``immutable``: nobody writes it, so no lock and no other file is needed."""
    uri = f"file:{quote(str(path.resolve()))}?mode=ro" + ("&immutable=1" if immutable else "")

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=60, isolation_level=None, check_same_thread=False)

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def postgres(address: Address) -> sa.Engine:
    """A PostgreSQL database; a commit is acknowledged only when it is on disk, whatever the server's default.

    ``PASSING`` is as in ``sqlite_writer``.
    """
    _check_driver()
    options: dict[str, Any] = {"connect_timeout": 10, "application_name": "bonag", "keepalives_idle": 60}
    options = {key: value for key, value in options.items() if key not in address.url.query}
    engine = sa.create_engine(address.url, poolclass=sa.NullPool, connect_args=options)

    @sa.event.listens_for(engine, "connect")
    def durable(connection: Any, _: Any) -> None:
        connection.execute("SET synchronous_commit TO on")
        connection.commit()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if connection.info.get(PASSING):
            connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")

    return engine


def postgres_reader(address: Address, patience: int = 3) -> sa.Engine:
    """A PostgreSQL database that is only read, again and again, by few connections that stay open.

    patience: seconds after which a server that does not answer is given up; PostgreSQL takes no less than 2.
    """
    _check_driver()
    # The sessions are like those of ``postgres``, but cannot write, and keep nothing waiting.
    engine = sa.create_engine(
        address.url,
        pool_size=2,
        max_overflow=2,
        pool_timeout=patience,
        pool_pre_ping=True,
        pool_recycle=300,
        connect_args={"connect_timeout": patience, "application_name": "bonag ui"},
    )

    @sa.event.listens_for(engine, "connect")
    def reading(connection: Any, _: Any) -> None:
        connection.execute("SET default_transaction_read_only TO on")
        connection.execute(f"SET statement_timeout TO {patience * 10_000}")
        connection.execute("SET idle_in_transaction_session_timeout TO 60000")
        connection.commit()

    return engine


def _check_driver() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise UserError("a record in PostgreSQL needs the package psycopg: pip install 'bonag[postgres]'") from None


def advisory_key(text: str) -> int:
    """The number under which PostgreSQL locks something that has this name: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def run_key(run: str) -> int:
    """The number under which the writer of a run locks it."""
    return advisory_key(f"bonag run {run}")


@contextmanager
def plain_errors(where: Path | Address) -> Iterator[None]:
    """Turn a database's errors into one line each."""
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise _plain(cause or error, where) from error


def _plain(error: BaseException, where: Path | Address) -> UserError:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if isinstance(where, Address):
        text = where.without_secrets(f"the record's database {where.public}: {line}")
        # Class 08, 53 and 57: connection, resources, operator; without a code there was no connection.
        code = getattr(error, "sqlstate", None)
        away = code is None or code[:2] in ("08", "53", "57", "25", "40")
        return OutOfReachError(text) if away and _is_operational(error) else UserError(text)
    # The low byte is the primary code, https://www.sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DamagedError(f"{where} is damaged ({line}) and was left untouched: restore it from a copy")
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and os.statvfs(where.parent).f_bavail == 0):
        return OutOfReachError(f"{where} cannot be written: the disk is full")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return OutOfReachError(f"{where} is locked by another process")
    if code == sqlite3.SQLITE_READONLY:
        return UserError(f"{where} cannot be written: it is read-only")
    return UserError(f"{where}: {line}")


def _is_operational(error: BaseException) -> bool:
    return any(kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(error).__mro__)
