"""Making a run's record, and opening one to go on with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from bonag.record import rows
from bonag.record.address import Address
from bonag.record.database import advisory_key, plain_errors, postgres, sqlite_writer
from bonag.record.fingerprint_rows import add_fingerprint
from bonag.record.folder import CONFIG, DATABASE, LOCK, NameTakenError, new_folder
from bonag.record.lock import Lock, holder
from bonag.record.reading import read_record, snapshot
from bonag.record.source_rows import add_sources
from bonag.record.writing import PATIENCE, RunRecord
from loops.config import RunConfig
from loops.config_json import config_to_json
from loops.fingerprint import Fingerprint
from loops.history import History, Trial
from loops.metric_units import NONE
from loops.source import Source
from search_spaces import NetworkSize, SearchSpace
from search_spaces.errors import UserError


def create_record(
    out: Path,
    config: RunConfig,
    description: str,
    address: Address | None = None,
    known: Sequence[Trial] = (),
    size: NetworkSize | None = None,
    sources: Sequence[Source] = (),
    fingerprint: Fingerprint | None = None,
    units: Mapping[str, str] = NONE,
) -> RunRecord:
    """Make the run's folder and its record, and open it. known: the trials that it begins with. size: of the networks
    that architectures stand for in it, by default the space's own. sources: of transfer.
    fingerprint: of the data set. units: by metric, as the evaluator tells them.

    Raises NameTakenError, or UserError if the place cannot be written, and then leaves nothing behind.
    """
    config = replace(config, record=address.public if address else None)
    folder = out / config.name

    def new(connection: sa.Connection) -> None:
        rows.add_run(connection, config, description, size, units)
        rows.add_trials(connection, config.name, known)
        add_sources(connection, config.name, sources)
        add_fingerprint(connection, config.name, fingerprint)

    lock: Lock | None = None
    try:
        with ExitStack() as stack:
            if address is not None:
                # Entered first, left last: the run is committed once its folder is there, which goes if that fails.
                stack.enter_context(_new_postgres_run(address, config, new, folder))
            building = stack.enter_context(new_folder(folder))
            (building / CONFIG).write_text(config_to_json(config), encoding="utf-8")
            # Held from before anybody else can see the folder.
            lock = Lock.exclusive(building / LOCK)
            if address is None:
                _new_sqlite_run(building / DATABASE, new)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    assert lock is not None
    return RunRecord(folder, config, description, History(known), lock, address, size=size, sources=tuple(sources))


def open_record(folder: Path, space: SearchSpace | None = None) -> RunRecord:
    """Open a run to go on with it; raises UserError, and leaves everything as it is, where that cannot be.

    No file changes before the first write, so that whoever finds out later that the run cannot go on has done no harm.
    """
    config = read_record(folder, space).config
    try:
        lock = Lock.exclusive(folder / LOCK, wait=PATIENCE)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from None
    if lock is None:
        raise UserError(f"{folder} is being written by {holder(folder / LOCK)}")
    try:
        found = snapshot(folder, config, live=False, space=space)
        address = Address.parse(config.record) if config.record else None
        record = RunRecord(
            folder,
            found.config,
            found.description,
            found.history,
            lock,
            address,
            state=found.state,
            reason=found.reason,
            forgiven=found.forgiven,
            seconds=found.seconds,
            machine=found.machine,
            size=found.space.network_size,
            sources=found.sources,
        )
        if address is not None:
            with plain_errors(address):
                record.connect()
        return record
    except BaseException:
        lock.release()
        raise


def _new_sqlite_run(path: Path, new: Callable[[sa.Connection], None]) -> None:
    with plain_errors(path), sqlite_writer(path).connect() as connection, connection.begin():
        rows.create_tables(connection)
        new(connection)


@contextmanager
def _new_postgres_run(
    address: Address, config: RunConfig, new: Callable[[sa.Connection], None], folder: Path
) -> Iterator[None]:
    made = False
    try:
        with plain_errors(address), postgres(address).connect() as connection, connection.begin():
            # Two runs that start at the same time must not both make the tables.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": advisory_key("bonag schema")})
            try:
                rows.create_tables(connection)
            except UserError as error:
                raise UserError(f"{address.public} cannot be used: {error}") from None
            if rows.has_run(connection, config.name):
                raise NameTakenError(f"{address.public} holds a run '{config.name}' already: choose another name")
            new(connection)
            yield
            made = True
    except BaseException:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        raise
