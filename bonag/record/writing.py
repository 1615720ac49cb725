"""Writing a run: one process at a time, one transaction per event."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa

from bonag.record import rows
from bonag.record.address import Address
from bonag.record.database import OutOfReachError, advisory_key, plain_errors, postgres, run_key, sqlite_writer
from bonag.record.folder import CONFIG, DATABASE, LOCK, LOG, NameTakenError, new_folder
from bonag.record.lock import Lock, holder
from bonag.record.log import RunLog
from bonag.record.reading import read_record, snapshot
from bonag.whole_file import whole_file
from loops.config import RunConfig, seconds_of
from loops.ending import RunState
from loops.history import History, Trial
from search_spaces import SearchSpace
from search_spaces.errors import UserError

# A reader holds the lock for as long as it copies a file, and a server needs a moment to see that a process died.
PATIENCE = 3.0
# Seconds between two tries of a write.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class RunRecord:
    """An open run: the recorder of its loop. Only one process has it open at a time.

    path: the run's folder. state, reason, forgiven, seconds, machine: as they were when the run was opened.
    waiting: told, in words, that the record is waited for. hurry: asked whether to wait no longer.
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
        seconds: float = 0.0,
        machine: str | None = None,
    ) -> None:
        self.path = folder
        self.config = config
        self.description = description
        self.state = state
        self.reason = reason
        self.forgiven = forgiven
        self.seconds, self.machine = seconds, machine
        self.log = RunLog(folder / LOG)
        self.waiting: Callable[[str], None] = lambda reason: None
        self.hurry: Callable[[], bool] = lambda: False
        self._opened = time.monotonic()
        self._is_current = False
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

    def report(self, trial: Trial) -> None:
        """Write the last point of a running trial's curve."""
        self._write(lambda connection: rows.write_point(connection, self.config.name, trial))

    def try_again(self, trial: Trial) -> None:
        """Write that an evaluation of a running trial ended with its process."""
        self._write(lambda connection: rows.write_trial(connection, self.config.name, trial))

    def finish(self, trial: Trial) -> None:
        """Write how a running trial ended."""

        def change(connection: sa.Connection) -> None:
            rows.write_trial(connection, self.config.name, trial)
            rows.update_run(connection, self.config.name, seconds=self._seconds_now())

        self._write(change)

    def set_state(self, state: RunState, reason: str | None = None, **values: Any) -> None:
        """Write where the run stands, and other columns of its row."""
        self.state, self.reason = state, reason
        self.forgiven = values.get("forgiven", self.forgiven)
        changed = {"state": str(state), "reason": reason, "seconds": self._seconds_now(), **values}
        self._write(lambda connection: rows.update_run(connection, self.config.name, **changed))

    def extend(self, config: RunConfig) -> None:
        """Write another configuration, which differs in what may be changed when a run is resumed."""
        self.config = config
        self._write(lambda connection: rows.update_run(connection, config.name, config=config.to_json()))
        # The record's counts; this is for people, and for other versions of bonag.
        with whole_file(self.path / CONFIG) as temporary:
            temporary.write_text(config.to_json(), encoding="utf-8")

    def _seconds_now(self) -> float:
        return self.seconds + time.monotonic() - self._opened

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
        """One transaction, tried again while the record is out of reach: the change can be made twice.

        Raises UserError where that lasts longer than the run's patience.
        """
        patience = seconds_of(self.config.record_patience) or 0.0
        deadline, pause = time.monotonic() + patience, SHORTEST_PAUSE
        told = False
        while True:
            try:
                with plain_errors(self._where):
                    self._write_once(change)
                return
            except OutOfReachError as error:
                if time.monotonic() + pause > deadline or self.hurry():
                    raise
                if not told:
                    told = True
                    self.log.write(f"waits for the record: {error}")
                    self.waiting(f"{error}: waiting up to {self.config.record_patience} for it")
                self._forget_connection()
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _write_once(self, change: Callable[[sa.Connection], None]) -> None:
        if self._connection is None:
            self.connect()
        assert self._connection is not None
        with self._connection.begin():
            if not self._is_current:
                rows.migrate(self._connection)
            change(self._connection)
        self._is_current = True

    def _forget_connection(self) -> None:
        if self._connection is not None and isinstance(self._where, Address):
            with suppress(Exception):  # it is broken, in whatever way
                self._connection.close()
            self._connection = None


def create_record(
    out: Path, config: RunConfig, description: str, address: Address | None = None, known: Sequence[Trial] = ()
) -> RunRecord:
    """Make the run's folder and its record, and open it. known: the trials that it begins with.

    Raises NameTakenError, or UserError if the place cannot be written, and then leaves nothing behind.
    """
    config = replace(config, record=address.public if address else None)
    folder = out / config.name
    lock: Lock | None = None
    try:
        with ExitStack() as stack:
            if address is not None:
                # Entered first, left last: the run is committed once its folder is there, which goes if that fails.
                stack.enter_context(_new_postgres_run(address, config, description, known, folder))
            building = stack.enter_context(new_folder(folder))
            (building / CONFIG).write_text(config.to_json(), encoding="utf-8")
            # Held from before anybody else can see the folder.
            lock = Lock.exclusive(building / LOCK)
            if address is None:
                _new_sqlite_run(building / DATABASE, config, description, known)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    assert lock is not None
    return RunRecord(folder, config, description, History(known), lock, address)


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
        )
        if address is not None:
            with plain_errors(address):
                record.connect()
        return record
    except BaseException:
        lock.release()
        raise


def _new_sqlite_run(path: Path, config: RunConfig, description: str, known: Sequence[Trial]) -> None:
    with plain_errors(path), sqlite_writer(path).connect() as connection, connection.begin():
        rows.create_tables(connection)
        rows.add_run(connection, config, description)
        rows.add_trials(connection, config.name, known)


@contextmanager
def _new_postgres_run(
    address: Address, config: RunConfig, description: str, known: Sequence[Trial], folder: Path
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
            rows.add_run(connection, config, description)
            rows.add_trials(connection, config.name, known)
            yield
            made = True
    except BaseException:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _advisory_lock(connection: sa.Connection, run: str) -> bool:
    with connection.begin():
        return bool(connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": run_key(run)}))
