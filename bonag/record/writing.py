"""Writing a run: one process at a time, one transaction per event."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa

from bonag.record import rows
from bonag.record.address import Address
from bonag.record.database import (
    PASSING,
    OutOfReachError,
    plain_errors,
    postgres,
    run_key,
    sqlite_writer,
)
from bonag.record.folder import CONFIG, DATABASE, LOG
from bonag.record.lock import Lock
from bonag.record.log import RunLog
from bonag.whole_file import whole_file
from loops.config import RunConfig, seconds_of
from loops.config_json import config_to_json
from loops.ending import RunState
from loops.history import History, Trial
from loops.source import Source
from search_spaces import NetworkSize
from search_spaces.errors import UserError

# A reader holds the lock for as long as it copies a file, and a server needs a moment to see that a process died.
PATIENCE = 3.0
# Seconds between two tries of a write.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
# Seconds from one look at what others asked of the run to the next.
BETWEEN_LOOKS = 1.0


class RunRecord:
    """An open run: the recorder of its loop. Only one process has it open at a time.

    path: the run's folder. state, reason, forgiven, seconds, machine: as they were when the run was opened.
    size: of the networks that architectures stand for in it; the space's own where it is None. sources: of transfer.
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
        size: NetworkSize | None = None,
        sources: tuple[Source, ...] = (),
    ) -> None:
        self.path = folder
        self.config = config
        self.description = description
        self.state = state
        self.reason = reason
        self.forgiven = forgiven
        self.seconds, self.machine, self.size, self.sources = seconds, machine, size, sources
        self.log = RunLog(folder / LOG)
        self.waiting: Callable[[str], None] = lambda reason: None
        self.hurry: Callable[[], bool] = lambda: False
        self._opened = time.monotonic()
        self._is_current = False
        self._stop_asked, self._looked = False, -BETWEEN_LOOKS
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
        self._write(lambda connection: rows.add_trials(connection, self.config.name, trials), passing=True)

    def report(self, trial: Trial) -> None:
        """Write the last point of a running trial's curve."""
        self._write(lambda connection: rows.write_point(connection, self.config.name, trial), passing=True)

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
        budget = self.config.budget
        changed = {"state": str(state), "reason": reason, "seconds": self._seconds_now(), "stop_asked": None, **values}

        def change(connection: sa.Connection) -> None:
            rows.update_run(connection, self.config.name, **changed)
            if state is RunState.FINISHED and rows.read_run(connection, self.config.name).config.budget != budget:
                # Somebody raised it at the very moment: there is something to go on with.
                rows.update_run(connection, self.config.name, state=str(RunState.INTERRUPTED))

        self._write(change)

    def extend(self, config: RunConfig) -> None:
        """Write another configuration, which differs in what may be changed when a run is resumed."""
        self.config = config
        self._write(lambda connection: rows.update_run(connection, config.name, config=config_to_json(config)))
        # The record's counts; this is for people, and for other versions of bonag.
        with whole_file(self.path / CONFIG) as temporary:
            temporary.write_text(config_to_json(config), encoding="utf-8")

    def stop_asked(self) -> bool:
        """Whether somebody asked in the record that the run stop. It is looked at once a second at most."""
        if not self._stop_asked and time.monotonic() - self._looked >= BETWEEN_LOOKS:
            self._looked = time.monotonic()
            run = self._read()
            self._stop_asked = run is not None and run.stop_asked is not None
        return self._stop_asked

    def latest_config(self) -> RunConfig:
        """The configuration with the budget that the record has now, which others may have raised."""
        run = self._read()
        if run is not None:
            self.config = replace(self.config, budget=run.config.budget)
        return self.config

    def _read(self) -> rows.RunRow | None:
        """The run's row; None while the record is out of reach."""
        if self._connection is None:
            return None
        with suppress(UserError), plain_errors(self._where), self._connection.begin():
            return rows.read_run(self._connection, self.config.name)
        return None

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

    def _write(self, change: Callable[[sa.Connection], None], passing: bool = False) -> None:
        """One transaction, tried again while the record is out of reach: the change can be made twice.

        passing: a proposal or a report, which would be made again. It outlasts this process, and the machine once what
        comes after it does; all else is on disk when this returns.

        Raises UserError where that lasts longer than the run's patience.
        """
        patience = seconds_of(self.config.record_patience) or 0.0
        deadline, pause = time.monotonic() + patience, SHORTEST_PAUSE
        told = False
        while True:
            try:
                with plain_errors(self._where):
                    self._write_once(change, passing)
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

    def _write_once(self, change: Callable[[sa.Connection], None], passing: bool) -> None:
        if self._connection is None:
            self.connect()
        assert self._connection is not None
        self._connection.info[PASSING] = passing
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


def _advisory_lock(connection: sa.Connection, run: str) -> bool:
    with connection.begin():
        return bool(connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": run_key(run)}))
