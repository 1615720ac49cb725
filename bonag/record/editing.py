"""What people change of a run that this process does not execute: notes and tags, its end, and whether it is there."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from bonag.record import rows, schema
from bonag.record.address import Address
from bonag.record.database import plain_errors, postgres, run_key, sqlite_writer
from bonag.record.folder import CONFIG, DATABASE, LOCK
from bonag.record.lock import Lock
from bonag.record.note_rows import Note, write_note
from bonag.record.reading import written_elsewhere
from bonag.whole_file import whole_file
from loops.config_json import config_to_json
from loops.ending import RunState
from search_spaces.errors import UserError

# Seconds that readers, who each hold a run's lock for a moment, are waited for.
PATIENCE = 3.0


@dataclass(frozen=True)
class Place:
    """Where a run is: its name in its record, its folder, and its database; one of the two may be missing."""

    run: str
    folder: Path | None
    address: Address | None = None


def write_notes(place: Place, trial: int | None, note: Note) -> None:
    """Write the note of a trial, or with None of the run, in place of what was there; raises UserError."""
    with _edit(place) as (connection, _):
        trials = schema.trials.c
        known = sa.select(sa.func.count()).where((trials.run == place.run) & (trials.trial == trial))
        if trial is not None and not connection.scalar(known):
            raise UserError(f"run '{place.run}' has no trial {trial}")
        write_note(connection, place.run, trial, note)


def ask_to_stop(place: Place) -> None:
    """Have a run end once the evaluations that run now have ended, in whichever process it is; raises UserError."""
    with _edit(place) as (connection, live):
        if not live:
            raise UserError(f"run '{place.run}' does not run")
        rows.update_run(connection, place.run, stop_asked=time.time())


def raise_budget(place: Place, budget: int) -> None:
    """Give a run more evaluations: one that runs goes on by itself, another once it is resumed; raises UserError."""
    with _edit(place) as (connection, live):
        run = rows.read_run(connection, place.run)
        if run.config.budget is None:
            raise UserError(f"run '{place.run}' has no budget: a program decides when it ends")
        if budget <= run.config.budget:
            raise UserError(f"the budget of run '{place.run}' is {run.config.budget} already: give a larger one")
        config = replace(run.config, budget=budget)
        again = not live and run.state is RunState.FINISHED
        state = {"state": str(RunState.INTERRUPTED), "reason": None} if again else {}
        rows.update_run(connection, place.run, config=config_to_json(config), **state)
    if place.folder is not None:
        # The record's counts; this is for people, and for other versions of bonag.
        with whole_file(place.folder / CONFIG) as temporary:
            temporary.write_text(config_to_json(config), encoding="utf-8")


def delete_run(place: Place) -> None:
    """Delete a run that no process has open, its folder with all that is in it; raises UserError."""
    with ExitStack() as stack:
        if place.folder is not None:
            stack.enter_context(_alone(place.folder, place.run))
        if place.address is not None:
            with plain_errors(place.address), postgres(place.address).connect() as connection, connection.begin():
                key = {"key": run_key(place.run)}
                if not connection.scalar(sa.text("SELECT pg_try_advisory_xact_lock(:key)"), key):
                    raise UserError(f"run '{place.run}' runs: stop it first")
                rows.migrate(connection)
                for table in reversed(schema.metadata.sorted_tables):
                    column = table.c.get("name" if table is schema.runs else "run")
                    if column is not None:
                        connection.execute(sa.delete(table).where(column == place.run))
        if place.folder is not None:
            # Out of sight at once, and then file by file.
            gone = place.folder.with_name(f".{place.folder.name}.{secrets.token_hex(4)}")
            try:
                place.folder.rename(gone)
                shutil.rmtree(gone)
            except OSError as error:
                raise UserError(f"{place.folder} cannot be deleted: {error.strerror}") from None


@contextmanager
def _edit(place: Place) -> Iterator[tuple[sa.Connection, bool]]:
    """A transaction that changes the run, which exists; and whether a process has the run open."""
    with ExitStack() as stack:
        if place.address is not None:
            where: Path | Address = place.address
            engine = postgres(place.address)
        else:
            assert place.folder is not None
            where = place.folder / DATABASE
            if not where.is_file():
                raise UserError(f"{where} is missing")
            live = stack.enter_context(_with_lock(place.folder)) is None
            engine = sqlite_writer(where)
        stack.enter_context(plain_errors(where))
        connection = stack.enter_context(engine.connect())
        stack.enter_context(connection.begin())
        rows.migrate(connection)
        if place.address is not None:
            live = written_elsewhere(connection, place.run)
        if not rows.has_run(connection, place.run):
            raise UserError(f"there is no run '{place.run}' any more")
        yield connection, live
        edits = sa.func.coalesce(schema.runs.c.edits, 0) + 1
        rows.update_run(connection, place.run, edits=edits)


@contextmanager
def _alone(folder: Path, run: str) -> Iterator[None]:
    with _with_lock(folder) as lock:
        if lock is None:
            raise UserError(f"run '{run}' runs: stop it first")
        yield


@contextmanager
def _with_lock(folder: Path) -> Iterator[Lock | None]:
    """The lock of the run's writer, for readers take a file without one for finished; None where a process has it that
    executes the run, beside which others may write as well."""
    lock = _writers_lock(folder)
    try:
        yield lock
    finally:
        if lock is not None:
            lock.release()


def _writers_lock(folder: Path) -> Lock | None:
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            lock = Lock.exclusive(folder / LOCK)
            if lock is not None:
                return lock
            reading = Lock.shared(folder / LOCK)
            if reading is None:
                return None
            reading.release()
            time.sleep(0.02)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from None
    raise UserError(f"{folder} is being read by others all the time: try again")
