"""Reading runs again and again, at little cost: what they are in one line, and whether they changed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from bonag.record import rows, schema
from bonag.record.address import Address
from bonag.record.database import plain_errors
from bonag.record.fingerprint_rows import read_fingerprint
from bonag.record.folder import CONFIG, DATABASE, LOCK, read_config
from bonag.record.lock import Lock
from bonag.record.note_rows import NO_NOTE, Note, read_notes
from bonag.record.reading import (
    Known,
    RunSnapshot,
    check_agreement,
    lock_unless_live,
    read_trials,
    snapshot_of,
    space_of,
    sqlite_connection,
    state_of,
    transaction,
    written_elsewhere,
)
from bonag.record.source_rows import read_sources
from loops.config import RunConfig
from loops.ending import RunState
from loops.gain import Gain, gain
from loops.history import KNOWN, TrialStatus
from loops.objective import Objective
from search_spaces.errors import UserError

# How the provenance of a trial begins, as the record has it, that was known beforehand.
_KNOWN = json.dumps({"origin": KNOWN})[:-1]


@dataclass(frozen=True)
class Overview:
    """A run without its trials.

    trials: how many there are of each status; ``known`` of all were known beforehand. gain: what the completed ones
    are worth. created_at, ended_at: seconds since the epoch; ended_at is the latest end of a trial. units: by metric,
    as the evaluator told them. note: that somebody wrote about the run.
    """

    config: RunConfig
    state: RunState
    reason: str | None
    trials: Mapping[str, int]
    gain: Gain
    created_at: float
    ended_at: float | None
    known: int = 0
    units: Mapping[str, str] = field(default_factory=dict)
    note: Note = NO_NOTE

    @property
    def count(self) -> int:
        """How many trials there are."""
        return sum(self.trials.values())


def folder_overview(folder: Path) -> Overview:
    """A run whose record is in its folder; raises UserError as ``read_record`` does."""
    config = read_config(folder)
    path = folder / DATABASE
    with (
        lock_unless_live(folder) as lock,
        plain_errors(path),
        sqlite_connection(path, lock is None) as connection,
        transaction(connection, path),
    ):
        found = _overview(connection, config.name, lock is None)
        check_agreement(folder, config, rows.read_run(connection, config.name), 0)
    return found


def folder_stamp(folder: Path) -> Hashable:
    """A value that changes when the run in the folder does, from its files' times and whether somebody writes it."""
    log = f"{DATABASE}-wal"
    return tuple(_file(folder / name) for name in (CONFIG, DATABASE, log)), is_live(folder)


def is_live(folder: Path) -> bool:
    """Whether a process has the run in the folder open for writing now."""
    try:
        lock = Lock.shared(folder / LOCK)
    except (OSError, UserError):  # whoever reads the run is told
        return False
    if lock is None:
        return True
    lock.release()
    return False


def server_overviews(engine: sa.Engine, address: Address) -> dict[str, Overview | str]:
    """All runs of a database by name; of one that makes no sense, why. Raises UserError for no database of bonag."""
    found: dict[str, Overview | str] = {}
    with plain_errors(address), engine.connect() as connection, transaction(connection, address):
        for name in connection.scalars(sa.select(schema.runs.c.name).order_by(schema.runs.c.name)).all():
            try:
                found[name] = _overview(connection, name, written_elsewhere(connection, name))
            except UserError as error:
                found[name] = str(error)
    return found


def server_stamps(engine: sa.Engine, address: Address) -> dict[str, Hashable]:
    """For each run of a database a value that changes when the run does; raises UserError as ``server_overviews``."""
    runs, trials = schema.runs.c, schema.trials.c
    ended = sa.func.count(trials.ended_at)
    counted = (
        sa.select(trials.run, sa.func.count().label("trials"), ended.label("ended"), sa.func.max(trials.ended_at))
        .group_by(trials.run)
        .subquery()
    )
    told = sa.select(schema.reports.c.run, sa.func.max(schema.reports.c.event)).group_by(schema.reports.c.run)
    with plain_errors(address), engine.connect() as connection, transaction(connection, address):
        edits = [runs.edits] if rows.check_version(connection) >= schema.NOTES_SINCE else []
        query = sa.select(runs.name, runs.created_at, runs.state, runs.reason, *list(counted.c)[1:], *edits)
        query = query.outerjoin(counted, counted.c.run == runs.name)
        # What running trials report; records of the first version hold nothing of it.
        reported = (
            {run: event for run, event in connection.execute(told)} if rows.check_version(connection) >= 2 else {}
        )
        return {
            row[0]: (
                *row[1:],
                reported.get(row[0]),
                row[2] == RunState.RUNNING and written_elsewhere(connection, row[0]),
            )
            for row in connection.execute(query).all()
        }


def read_stored(engine: sa.Engine, address: Address, name: str, known: Known | None = None) -> RunSnapshot:
    """All of a run of a database, without its folder; ``path`` is only its name. See ``read_record``."""
    with plain_errors(address), engine.connect() as connection, transaction(connection, address):
        live = written_elsewhere(connection, name)
        run = rows.read_run(connection, name)
        space = space_of(run.config)
        history = read_trials(connection, run, space, known)
        sources = read_sources(connection, run.config, space)
        fingerprint, notes = read_fingerprint(connection, name), read_notes(connection, name)
    return snapshot_of(Path(name), run, history, live, space, sources, fingerprint, notes)


def _file(path: Path) -> Hashable:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _overview(connection: sa.Connection, name: str, live: bool) -> Overview:
    run = rows.read_run(connection, name)
    trials = schema.trials.c
    counts = sa.select(trials.status, sa.func.count(), sa.func.max(trials.ended_at)).where(trials.run == name)
    by_status = connection.execute(counts.group_by(trials.status)).all()
    known = sa.select(sa.func.count()).where(trials.run == name, trials.provenance.startswith(_KNOWN, autoescape=True))
    return Overview(
        config=run.config,
        state=state_of(run, live),
        reason=run.reason,
        trials={status: count for status, count, _ in by_status},
        gain=_gain(connection, name, run.config.parsed_objective()),
        created_at=run.created_at,
        ended_at=max((ended for _, _, ended in by_status if ended is not None), default=None),
        known=connection.scalar(known) or 0,
        units=run.units,
        note=read_notes(connection, name).get(None, NO_NOTE),
    )


def _gain(connection: sa.Connection, name: str, objective: Objective) -> Gain:
    values, trials = schema.metrics.c, schema.trials.c
    query = (
        sa.select(values.trial, values.name, values.value)
        .join_from(schema.metrics, schema.trials, (trials.run == values.run) & (trials.trial == values.trial))
        .where(trials.run == name, trials.status == str(TrialStatus.COMPLETED), values.name.in_(objective.metrics))
        .order_by(trials.ended_at, trials.trial)
    )
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for trial, metric, value in connection.execute(query).all():
        found[trial][metric] = value
    # A program that writes the record by itself may leave one out.
    whole = [row for row in found.values() if len(row) == len(objective.metrics)]
    return gain(objective, {m: np.array([row[m] for row in whole], dtype=np.float64) for m in objective.metrics})
