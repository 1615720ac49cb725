"""Trials and runs as rows of tables; every function runs inside the caller's transaction."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bonag.record import schema
from loops.config import RunConfig
from loops.history import History, Trial, TrialStatus
from loops.loop import RunState
from search_spaces import InvalidArchitectureError, SearchSpace
from search_spaces.errors import UserError


@dataclass(frozen=True)
class RunRow:
    """What the database knows of a run beside its trials."""

    config: RunConfig
    description: str
    state: RunState
    reason: str | None
    forgiven: int
    created_at: float


def check_version(connection: sa.Connection) -> None:
    """Raise UserError unless the database holds bonag's tables in the version that this code knows."""
    if not sa.inspect(connection).has_table(schema.versions.name):
        raise UserError("it holds no record of bonag")
    found = connection.scalars(sa.select(schema.versions.c.version)).all()
    if list(found) != [schema.VERSION]:
        version = ", ".join(map(str, found)) or "none"
        raise UserError(f"it has version {version} and this bonag reads version {schema.VERSION}")


def create_tables(connection: sa.Connection) -> None:
    """Make the tables where there are none yet; raises UserError where there are others."""
    if sa.inspect(connection).has_table(schema.versions.name):
        check_version(connection)
        return
    schema.metadata.create_all(connection)
    connection.execute(sa.insert(schema.versions).values(version=schema.VERSION))


def add_run(connection: sa.Connection, config: RunConfig, description: str) -> None:
    """Write a new run."""
    connection.execute(
        sa.insert(schema.runs).values(
            name=config.name,
            config=config.to_json(),
            description=description,
            state=str(RunState.RUNNING),
            forgiven=0,
            created_at=time.time(),
        )
    )


def has_run(connection: sa.Connection, name: str) -> bool:
    """Whether a run of that name is there."""
    return connection.scalar(sa.select(sa.func.count()).where(schema.runs.c.name == name)) != 0


def read_run(connection: sa.Connection, name: str) -> RunRow:
    """The run; raises UserError."""
    row = connection.execute(sa.select(schema.runs).where(schema.runs.c.name == name)).mappings().one_or_none()
    if row is None:
        raise UserError(f"it holds no run '{name}'")
    with _trusted(f"the row of run '{name}'"):
        return RunRow(
            config=RunConfig.from_json(row["config"]),
            description=row["description"],
            state=RunState(row["state"]),
            reason=row["reason"],
            forgiven=row["forgiven"],
            created_at=row["created_at"],
        )


def update_run(connection: sa.Connection, name: str, **values: Any) -> None:
    """Change columns of the run."""
    connection.execute(sa.update(schema.runs).where(schema.runs.c.name == name).values(**values))


def add_trials(connection: sa.Connection, run: str, trials: Sequence[Trial]) -> None:
    """Write new trials. Those that are there already stay as they are, so that a lost answer may be asked for again."""
    first = min(trial.index for trial in trials)
    query = sa.select(schema.trials.c.trial).where(schema.trials.c.run == run, schema.trials.c.trial >= first)
    known = set(connection.scalars(query))
    rows = [_trial_row(run, trial) for trial in trials if trial.index not in known]
    if rows:
        connection.execute(sa.insert(schema.trials), rows)


def finish_trial(connection: sa.Connection, run: str, trial: Trial) -> None:
    """Write how a trial ended; a second time changes nothing."""
    key = (schema.trials.c.run == run) & (schema.trials.c.trial == trial.index)
    values = {"status": str(trial.status), "reason": trial.reason}
    times = {"ended_at": trial.ended_at, "evaluation_seconds": trial.evaluation_seconds}
    if connection.execute(sa.update(schema.trials).where(key).values(**values, **times)).rowcount != 1:
        raise RuntimeError(f"trial {trial.index} of run '{run}' was never added")
    metrics = schema.metrics
    connection.execute(sa.delete(metrics).where((metrics.c.run == run) & (metrics.c.trial == trial.index)))
    rows = [{"run": run, "trial": trial.index, "name": name, "value": v} for name, v in trial.metrics.items()]
    if rows:
        connection.execute(sa.insert(metrics), rows)


def read_history(connection: sa.Connection, run: str, space: SearchSpace, known: History | None = None) -> History:
    """All trials of the run; raises UserError where a row makes no sense.

    known: the run's history as it was earlier. What comes before its first trial that had not ended is not read again.
    """
    kept = known.trials if known is not None else ()
    kept = kept[: next((trial.index for trial in kept if trial.status is TrialStatus.RUNNING), len(kept))]
    metrics: defaultdict[int, dict[str, float]] = defaultdict(dict)
    columns = schema.metrics.c
    new = (columns.run == run) & (columns.trial >= len(kept))
    query = sa.select(columns.trial, columns.name, columns.value).where(new).order_by(columns.name)
    for trial, name, value in connection.execute(query):
        metrics[trial][name] = value
    new = (schema.trials.c.run == run) & (schema.trials.c.trial >= len(kept))
    rows = connection.execute(sa.select(schema.trials).where(new).order_by(schema.trials.c.trial)).mappings()
    trials = [*kept, *(_trial(dict(row), metrics.get(row["trial"], {}), space) for row in rows)]
    for index, trial in enumerate(trials):
        if trial.index != index:
            raise UserError(f"trial {index} is missing")
    return History(trials)


def _trial_row(run: str, trial: Trial) -> dict[str, Any]:
    return {
        "run": run,
        "trial": trial.index,
        "architecture": str(trial.architecture),
        "status": str(trial.status),
        "reason": trial.reason,
        "provenance": json.dumps(dict(trial.provenance)),
        "proposed_at": trial.proposed_at,
        "ended_at": trial.ended_at,
        "proposal_seconds": trial.proposal_seconds,
        "evaluation_seconds": trial.evaluation_seconds,
    }


def _trial(row: dict[str, Any], metrics: Mapping[str, float], space: SearchSpace) -> Trial:
    with _trusted(f"trial {row['trial']}"):
        return Trial(
            index=row["trial"],
            architecture=space.parse(row["architecture"]),
            status=TrialStatus(row["status"]),
            metrics=dict(metrics),
            reason=row["reason"],
            provenance=json.loads(row["provenance"]),
            proposed_at=row["proposed_at"],
            ended_at=row["ended_at"],
            proposal_seconds=row["proposal_seconds"],
            evaluation_seconds=row["evaluation_seconds"],
        )


@contextmanager
def _trusted(what: str) -> Iterator[None]:
    try:
        yield
    except (UserError, InvalidArchitectureError, ValueError, TypeError) as error:
        raise UserError(f"{what} makes no sense: {error}") from None
