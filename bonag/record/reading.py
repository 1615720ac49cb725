"""Reading a run without touching it, whether it is live or not."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from bonag.record import rows
from bonag.record.address import Address
from bonag.record.database import DamagedError, plain_errors, postgres, run_key, sqlite_reader
from bonag.record.fingerprint_rows import read_fingerprint
from bonag.record.folder import DATABASE, LOCK, read_config
from bonag.record.lock import Lock
from bonag.record.note_rows import Notes, read_notes
from bonag.record.rows import RunRow
from bonag.record.source_rows import read_sources
from bonag.safe_reading import check_regular
from loops.config import RunConfig
from loops.ending import RunState
from loops.fingerprint import Fingerprint
from loops.history import History
from loops.source import Source
from search_spaces import NetworkSize, SearchSpace, get_space
from search_spaces.errors import UserError

# A database file is made of whole pages, https://www.sqlite.org/fileformat2.html
SMALLEST_PAGE = 512


@dataclass(frozen=True)
class RunSnapshot:
    """A run as its record had it at one moment.

    state: ``interrupted`` where the record says ``running`` and nobody runs it.
    live: whether a process has it open for writing now.
    space: at the size of the networks that architectures stand for in the run.
    description: what the evaluator's numbers are and are not. created_at: seconds since the epoch.
    seconds: for how long it has run. machine: what computed it last, as JSON (see ``bonag.record.machine``).
    sources: of transfer. fingerprint: of its data set, None where there is none. units: see ``RunRow``. notes: that
    people wrote, by trial. stop_asked: whether somebody asked it to stop, and it has not stopped yet.
    """

    path: Path
    config: RunConfig
    space: SearchSpace
    description: str
    state: RunState
    reason: str | None
    forgiven: int
    history: History
    live: bool
    created_at: float
    seconds: float = 0.0
    machine: str | None = None
    sources: tuple[Source, ...] = ()
    fingerprint: Fingerprint | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    notes: Notes = field(default_factory=dict)
    stop_asked: bool = False


@dataclass(frozen=True)
class Known:
    """What an earlier reading found: when the run was made, by which it is known again, and its history then."""

    created_at: float
    history: History


def read_record(folder: Path, space: SearchSpace | None = None, known: Known | None = None) -> RunSnapshot:
    """All of a run, read in one transaction; with ``known``, only what may be new since then.

    A live run is not held up, and a folder where nothing may be written will do. Raises UserError for a record that is
    missing, damaged, of another version, or at odds with ``config.json``.
    """
    config = read_config(folder)
    with lock_unless_live(folder) as lock:
        return snapshot(folder, config, live=lock is None, space=space, known=known)


def snapshot(
    folder: Path, config: RunConfig, *, live: bool, space: SearchSpace | None, known: Known | None = None
) -> RunSnapshot:
    """``read_record`` for those who hold a lock, or know that somebody else does."""
    space = space or space_of(config)
    where: Path | Address = folder / DATABASE if config.record is None else Address.parse(config.record)
    reader = sqlite_connection(where, live) if isinstance(where, Path) else _postgres(where)
    with plain_errors(where), reader as connection, transaction(connection, where):
        live = live or (isinstance(where, Address) and written_elsewhere(connection, config.name))
        run = rows.read_run(connection, config.name)
        history = read_trials(connection, run, space, known)
        sources = read_sources(connection, run.config, space)
        fingerprint, notes = read_fingerprint(connection, config.name), read_notes(connection, config.name)
    check_agreement(folder, config, run, history.queries)
    return snapshot_of(folder, run, history, live, space, sources, fingerprint, notes)


def snapshot_of(
    path: Path,
    run: RunRow,
    history: History,
    live: bool,
    space: SearchSpace,
    sources: tuple[Source, ...] = (),
    fingerprint: Fingerprint | None = None,
    notes: Notes | None = None,
) -> RunSnapshot:
    """What was read of a run, put together. The configuration is the record's, which knows the latest."""
    return RunSnapshot(
        path=path,
        config=run.config,
        space=run_space(run, space),
        description=run.description,
        state=state_of(run, live),
        reason=run.reason,
        forgiven=run.forgiven,
        history=history,
        live=live,
        created_at=run.created_at,
        seconds=run.seconds,
        machine=run.machine,
        sources=sources,
        fingerprint=fingerprint,
        units=run.units,
        notes=notes or {},
        stop_asked=live and run.stop_asked is not None,
    )


@contextmanager
def transaction(connection: sa.Connection, where: Path | Address) -> Iterator[None]:
    """Read within one transaction, from a database in the version that this code knows; raises UserError."""
    with connection.begin():
        try:
            rows.check_version(connection)
            yield
        except UserError as error:
            name = where.public if isinstance(where, Address) else where
            raise UserError(f"{name} cannot be read: {error}") from None
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            name = where.public if isinstance(where, Address) else where
            raise UserError(f"{name} cannot be read: a row makes no sense: {' '.join(str(error).split())}") from error


def read_trials(connection: sa.Connection, run: RunRow, space: SearchSpace, known: Known | None) -> History:
    """The run's trials; with ``known``, if it is of the same run and not of one that had its name before."""
    same = known is not None and known.created_at == run.created_at
    return rows.read_history(connection, run.config.name, space, known.history if known and same else None)


def check_agreement(folder: Path, config: RunConfig, run: RunRow, trials: int) -> None:
    """Raise UserError where ``config.json`` and the record are at odds."""
    difference = config.difference(run.config)
    budget = run.config.budget
    if difference is None and budget is not None and trials > budget:
        difference = f"budget is {budget} in one and there are {trials} trials in the other"
    if difference is not None:
        raise UserError(f"{folder}: config.json and the record disagree: {difference}")


def space_of(config: RunConfig) -> SearchSpace:
    """The installed space that the run searches; raises UserError."""
    return get_space(config.space)


def run_space(run: RunRow, space: SearchSpace) -> SearchSpace:
    """The space at the size of the run's networks.

    Older records keep none: costs were counted at the space's own size, or by evaluators whose task names the pixels.
    """
    size, task = run.network_size, re.fullmatch(r"imagenet(\d+)", run.config.task or "")
    if size is None and task:
        size = NetworkSize(space.num_classes, int(task[1]))
    return space if size is None else space.at(size)


def state_of(run: RunRow, live: bool) -> RunState:
    """Where the run stands, which its record cannot know if its process died."""
    return RunState.INTERRUPTED if run.state is RunState.RUNNING and not live else run.state


def written_elsewhere(connection: sa.Connection, run: str) -> bool:
    """Whether a process has the run, whose record is in this server, open for writing."""
    # A lock on a 64-bit number is listed as its two halves, https://www.postgresql.org/docs/current/view-pg-locks.html
    high, low = divmod(run_key(run) % 2**64, 2**32)
    query = sa.text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        " AND classid = :high AND objid = :low"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return connection.scalar(query, {"high": high, "low": low}) != 0


@contextmanager
def lock_unless_live(folder: Path) -> Iterator[Lock | None]:
    """Keep writers away for as long as a reader needs, or give None while one is alive."""
    try:
        lock = Lock.shared(folder / LOCK)
    except OSError:
        # No lock file, so this is a copy that nobody writes; nothing can be locked and nothing need be.
        lock = Lock(-1)
    try:
        yield lock
    finally:
        if lock is not None:
            lock.release()


@contextmanager
def sqlite_connection(path: Path, live: bool) -> Iterator[sa.Connection]:
    """A connection that changes no file; raises UserError for a file that is missing or damaged."""
    check_regular(path)
    if not path.is_file():
        raise UserError(f"{path} is missing, so the run's trials are lost")
    if not live and path.stat().st_size % SMALLEST_PAGE:
        raise DamagedError(f"{path} is damaged (its end is missing) and was left untouched: restore it from a copy")
    if live:
        with sqlite_reader(path, immutable=False).connect() as connection:
            yield connection
        return
    log = path.with_name(path.name + "-wal")
    with tempfile.TemporaryDirectory(prefix="bonag-") as place:
        # After a crash the last transactions are still in the write-ahead log. Merging it changes files, so that is
        # done on a copy; without a log the file can be read as it lies.
        if log.exists() and log.stat().st_size > 0:
            copy = Path(place) / path.name
            try:
                shutil.copyfile(path, copy)
                shutil.copyfile(log, copy.with_name(log.name))
            except OSError as error:
                raise UserError(f"{path} cannot be read by way of a copy in {place}: {error.strerror}") from None
            engine = sqlite_reader(copy, immutable=False)
        else:
            engine = sqlite_reader(path, immutable=True)
        with engine.connect() as connection:
            problem = " ".join(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one().split())
            connection.rollback()
            if problem != "ok":
                raise DamagedError(f"{path} is damaged ({problem}) and was left untouched: restore it from a copy")
            yield connection


@contextmanager
def _postgres(address: Address) -> Iterator[sa.Connection]:
    with postgres(address).connect() as connection:
        yield connection
