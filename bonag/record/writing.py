"""Writing a run: one process at a time, one transaction per event."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa

from bonag.record import rows
from bonag.record.address import Address
from bonag.record.database import advisory_key, plain_errors, postgres, run_key, sqlite_writer
from bonag.record.folder import CONFIG, DATABASE, LOCK, LOG, NameTakenError, new_folder
from bonag.record.lock import Lock, holder
from bonag.record.log import RunLog
from bonag.record.reading import read_record, snapshot
from loops.config import RunConfig
from loops.history import History, Trial
from loops.loop import RunState
from search_spaces import SearchSpace
from search_spaces.errors import UserError

# A reader holds the lock for as long as it copies a file, and a server needs a moment to see that a process died.
PATIENCE = 3.0
RECONNECTS = 4


class RunRecord:
    """An open run: the recorder of its loop. Only one process has it open at a time.

    path: the run's folder. state, reason, forgiven: as they were when the run was opened.
    """

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        description: str,
        history: History,
        lock: Lock,
        address: Address | None,
        *,
        state: RunState = RunState.RUNNING,
        reason: str | None = None,
        forgiven: int = 0,
    ) -> None:
        self.path = folder
        self.config = config
        self.description = description
        self.state = state
        self.reason = reason
        self.forgiven = forgiven
        self.log = RunLog(folder / LOG)
        self._history = history
        self._lock = lock
        self._where: Path | Address = address or folder / DATABASE
        self._engine = postgres(address) if address else sqlite_writer(folder / DATABASE)
        self._connection: sa.Connection | None = None

    def history(self) -> History:
        """All trials, as they were when the run was opened."""
        return self._history

    def add(self, trials: Sequence[Trial]) -> None:
        """Write new trials, before their evaluation starts."""
        self._write(lambda connection: rows.add_trials(connection, self.config.name, trials))

    def finish(self, trial: Trial) -> None:
        """Write how a running trial ended."""
        self._write(lambda connection: rows.finish_trial(connection, self.config.name, trial))

    def set_state(self, state: RunState, reason: str | None = None, forgiven: int | None = None) -> None:
        """Write where the run stands."""
        self.state, self.reason = state, reason
        self.forgiven = self.forgiven if forgiven is None else forgiven
        values = {"state": str(state), "reason": reason, "forgiven": self.forgiven}
        self._write(lambda connection: rows.update_run(connection, self.config.name, **values))

    def close(self) -> None:
        """Let others write the run. What was written stays, whatever happens here."""
        try:
            if self._connection is not None:
                with plain_errors(self._where):
                    self._connection.close()
        finally:
            self._connection = None
            self._lock.release()

    def __enter__(self) -> RunRecord:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Connect, and with a server take the run's lock there; raises UserError if another process has it."""
        connection = self._engine.connect()
        if isinstance(self._where, Address):
            deadline = time.monotonic() + PATIENCE
            while not _advisory_lock(connection, self.config.name):
                if time.monotonic() >= deadline:
                    connection.close()
                    raise UserError(f"run '{self.config.name}' is being written by another process")
                time.sleep(0.1)
        self._connection = connection
        self._lock.sign()

    def _write(self, change: Callable[[sa.Connection], None]) -> None:
        """One transaction. A connection to a server that broke is made anew, for the change can be made twice."""
        with plain_errors(self._where):
            for attempt in range(RECONNECTS + 1):
                try:
                    if self._connection is None:
                        self.connect()
                    assert self._connection is not None
                    with self._connection.begin():
                        change(self._connection)
                    return
                except sa.exc.OperationalError as error:
                    lost = self._connection is None or error.connection_invalidated
                    if not (lost and isinstance(self._where, Address)) or attempt == RECONNECTS:
                        raise
                    self._connection = None
                    time.sleep(0.5 * 2**attempt)


def create_record(out: Path, config: RunConfig, description: str, address: Address | None = None) -> RunRecord:
    """Make the run's folder and its empty record, and open it.

    Raises NameTakenError, or UserError if the place cannot be written, and then leaves nothing behind.
    """
    config = replace(config, record=address.public if address else None)
    folder = out / config.name
    lock: Lock | None = None
    try:
        with ExitStack() as stack:
            if address is not None:
                # Entered first, left last: the run is committed once its folder is there, which goes if that fails.
                stack.enter_context(_new_postgres_run(address, config, description, folder))
            building = stack.enter_context(new_folder(folder))
            (building / CONFIG).write_text(config.to_json(), encoding="utf-8")
            # Held from before anybody else can see the folder.
            lock = Lock.exclusive(building / LOCK)
            if address is None:
                _new_sqlite_run(building / DATABASE, config, description)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    assert lock is not None
    return RunRecord(folder, config, description, History(), lock, address)


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
            config,
            found.description,
            found.history,
            lock,
            address,
            state=found.state,
            reason=found.reason,
            forgiven=found.forgiven,
        )
        if address is not None:
            with plain_errors(address):
                record.connect()
        return record
    except BaseException:
        lock.release()
        raise


def _new_sqlite_run(path: Path, config: RunConfig, description: str) -> None:
    with plain_errors(path), sqlite_writer(path).connect() as connection, connection.begin():
        rows.create_tables(connection)
        rows.add_run(connection, config, description)


@contextmanager
def _new_postgres_run(address: Address, config: RunConfig, description: str, folder: Path) -> Iterator[None]:
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
            rows.add_run(connection, config, description)
            yield
            made = True
    except BaseException:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _advisory_lock(connection: sa.Connection, run: str) -> bool:
    with connection.begin():
        return bool(connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": run_key(run)}))
