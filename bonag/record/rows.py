"""Trials and runs as rows of tables; every function runs inside the caller's transaction."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from bonag.record import schema
from bonag.record.plausible import TIMES, check_run, complaint
from loops.config import RunConfig
from loops.config_json import config_from_json, config_to_json
from loops.ending import RunState
from loops.history import History, Point, Trial, TrialStatus
from loops.metric_units import NONE
from loops.outcome import check_metrics
from search_spaces import NetworkSize, SearchSpace
from search_spaces.errors import UserError


@dataclass(frozen=True)
class RunRow:
    """What the database knows of a run beside its trials.

    network_size: None where an older bonag made the run, which kept none. units: by metric, as the evaluator told them.
    stop_asked: seconds since the epoch, at which somebody asked it to stop.
    """

    config: RunConfig
    description: str
    state: RunState
    reason: str | None
    forgiven: int
    created_at: float
    seconds: float
    machine: str | None
    network_size: NetworkSize | None
    units: Mapping[str, str]
    stop_asked: float | None = None


def check_version(connection: sa.Connection) -> int:
    """The version of bonag's tables in the database; raises UserError where this code does not know it."""
    if not sa.inspect(connection).has_table(schema.versions.name):
        raise UserError("it holds no record of bonag")
    found = list(connection.scalars(sa.select(schema.versions.c.version)).all())
    if len(found) != 1 or not 1 <= found[0] <= schema.VERSION:
        version = ", ".join(map(str, found)) or "none"
        raise UserError(f"it has version {version} and this bonag reads versions up to {schema.VERSION}")
    return int(found[0])


def create_tables(connection: sa.Connection) -> None:
    """Make the tables, or bring older ones up to date; raises UserError where there are others."""
    if sa.inspect(connection).has_table(schema.versions.name):
        migrate(connection)
        return
    schema.metadata.create_all(connection)
    connection.execute(sa.insert(schema.versions).values(version=schema.VERSION))


def migrate(connection: sa.Connection) -> None:
    """Add to the tables of an older version what is new."""
    version = check_version(connection)
    for number in range(version + 1, schema.VERSION + 1):
        for new in schema.ADDED[number]:
            if isinstance(new, sa.Table):
                new.create(connection)
            else:
                kind = new.type.compile(connection.dialect)
                connection.execute(sa.text(f"ALTER TABLE {new.table.name} ADD COLUMN {new.name} {kind}"))
    if version < schema.VERSION:
        connection.execute(sa.update(schema.versions).values(version=schema.VERSION))


def add_run(
    connection: sa.Connection,
    config: RunConfig,
    description: str,
    size: NetworkSize | None,
    units: Mapping[str, str] = NONE,
) -> None:
    """Write a new run. size, units: see ``RunRow``."""
    connection.execute(
        sa.insert(schema.runs).values(
            name=config.name,
            config=config_to_json(config),
            description=description,
            state=str(RunState.RUNNING),
            forgiven=0,
            created_at=time.time(),
            network_size=None if size is None else json.dumps(asdict(size)),
            units=json.dumps(dict(units)),
        )
    )


def has_run(connection: sa.Connection, name: str) -> bool:
    """Whether a run of that name is there."""
    return connection.scalar(sa.select(sa.func.count()).where(schema.runs.c.name == name)) != 0


def read_run(connection: sa.Connection, name: str) -> RunRow:
    """The run; raises UserError."""
    columns = schema.columns(schema.runs, check_version(connection))
    row = connection.execute(sa.select(*columns).where(schema.runs.c.name == name)).mappings().one_or_none()
    if row is None:
        raise UserError(f"it holds no run '{name}'")
    with trusted(f"the row of run '{name}'"):
        run = RunRow(
            config=config_from_json(row["config"]),
            description=row["description"],
            state=RunState(row["state"]),
            reason=row["reason"],
            forgiven=row["forgiven"],
            created_at=row["created_at"],
            seconds=float(row.get("seconds") or 0.0),
            machine=row.get("machine"),
            network_size=NetworkSize(**json.loads(size)) if (size := row.get("network_size")) else None,
            units={str(name): str(unit) for name, unit in json.loads(row.get("units") or "{}").items()},
            stop_asked=row.get("stop_asked"),
        )
        check_run(run)
        return run


def update_run(connection: sa.Connection, name: str, **values: Any) -> None:
    """Change columns of the run."""
    connection.execute(sa.update(schema.runs).where(schema.runs.c.name == name).values(**values))


def add_trials(connection: sa.Connection, run: str, trials: Sequence[Trial]) -> None:
    """Write new trials. Those that are there already stay as they are, so that a lost answer may be asked for again."""
    if not trials:
        return
    first = min(trial.index for trial in trials)
    query = sa.select(schema.trials.c.trial).where(schema.trials.c.run == run, schema.trials.c.trial >= first)
    known = set(connection.scalars(query))
    rows = [_trial_row(run, trial) for trial in trials if trial.index not in known]
    if rows:
        connection.execute(sa.insert(schema.trials), rows)
        _insert_metrics(connection, run, [trial for trial in trials if trial.index not in known])


def write_trial(connection: sa.Connection, run: str, trial: Trial) -> None:
    """Write how a trial stands, or ended; a second time changes nothing."""
    row = _trial_row(run, trial)
    key = (schema.trials.c.run == run) & (schema.trials.c.trial == trial.index)
    if connection.execute(sa.update(schema.trials).where(key).values(**row)).rowcount != 1:
        raise RuntimeError(f"trial {trial.index} of run '{run}' was never added")
    metrics = schema.metrics
    connection.execute(sa.delete(metrics).where((metrics.c.run == run) & (metrics.c.trial == trial.index)))
    _insert_metrics(connection, run, [trial])


def write_point(connection: sa.Connection, run: str, trial: Trial) -> None:
    """Write the last point of a trial's curve, in place of what it had at this step and later ones."""
    point, table = trial.curve[-1], schema.reports
    later = (table.c.run == run) & (table.c.trial == trial.index) & (table.c.step >= point.step)
    connection.execute(sa.delete(table).where(later))
    row = {"trial": trial.index, "step": point.step, "metrics": json.dumps(dict(point.metrics)), "event": point.event}
    values = {**row, "run": run, "reported_at": time.time(), "checksum": checksum(row)}
    connection.execute(sa.insert(table).values(**values))


def read_history(connection: sa.Connection, run: str, space: SearchSpace, known: History | None = None) -> History:
    """All trials of the run; raises UserError where a row makes no sense.

    known: the run's history as it was earlier. What comes before its first trial that had not ended is not read again.
    """
    kept = known.trials if known is not None else ()
    kept = kept[: next((trial.index for trial in kept if trial.status is TrialStatus.RUNNING), len(kept))]
    version = check_version(connection)
    metrics: defaultdict[int, dict[str, float]] = defaultdict(dict)
    columns = schema.metrics.c
    new = (columns.run == run) & (columns.trial >= len(kept))
    query = sa.select(columns.trial, columns.name, columns.value).where(new).order_by(columns.trial, columns.name)
    for trial, name, value in connection.execute(query).all():
        metrics[trial][name] = value
    curves = _read_curves(connection, run, len(kept)) if version >= 2 else {}
    new = (schema.trials.c.run == run) & (schema.trials.c.trial >= len(kept))
    rows = sa.select(*schema.columns(schema.trials, version)).where(new).order_by(schema.trials.c.trial)
    trials = list(kept)
    found = connection.execute(rows)
    names = list(found.keys())
    for values in found.all():
        row = dict(zip(names, values, strict=True))
        trials.append(_trial(row, metrics.get(row["trial"], {}), curves.get(row["trial"], ()), space))
    for index, trial in enumerate(trials):
        if trial.index != index:
            raise UserError(f"trial {index} is missing")
    return History(trials)


def _read_curves(connection: sa.Connection, run: str, first: int) -> dict[int, tuple[Point, ...]]:
    """By trial, what it reported, by rising step."""
    columns = schema.reports.c
    new = (columns.run == run) & (columns.trial >= first)
    curves: defaultdict[int, list[Point]] = defaultdict(list)
    for row in connection.execute(
        sa.select(schema.reports).where(new).order_by(columns.trial, columns.step)
    ).mappings():
        with trusted(f"step {row['step']} of trial {row['trial']}"):
            _check(dict(row), {name: row[name] for name in ("trial", "step", "metrics", "event")})
            metrics = check_metrics(json.loads(row["metrics"]), ())
            curves[row["trial"]].append(Point(row["step"], metrics, row["event"]))
    return {trial: tuple(points) for trial, points in curves.items()}


def _insert_metrics(connection: sa.Connection, run: str, trials: Sequence[Trial]) -> None:
    rows = [
        {"run": run, "trial": trial.index, "name": name, "value": value}
        for trial in trials
        for name, value in trial.metrics.items()
    ]
    if rows:
        connection.execute(sa.insert(schema.metrics), rows)


def _trial_row(run: str, trial: Trial) -> dict[str, Any]:
    row = {
        "trial": trial.index,
        "architecture": str(trial.architecture),
        "status": str(trial.status),
        "reason": trial.reason,
        "provenance": json.dumps(dict(trial.provenance)),
        **{name: None if (value := getattr(trial, name)) is None else float(value) for name in TIMES},
        "attempts": trial.attempts,
        "output": trial.output,
        "proposed_event": trial.proposed_event,
        "ended_event": trial.ended_event,
    }
    metrics = {name: float(value) for name, value in sorted(trial.metrics.items())}
    return {**row, "run": run, "checksum": checksum({**row, "metrics": metrics})}


def _trial(row: Mapping[str, Any], metrics: Mapping[str, float], curve: tuple[Point, ...], space: SearchSpace) -> Trial:
    with trusted(f"trial {row['trial']}"):
        trial = Trial(
            index=row["trial"],
            architecture=space.parse(row["architecture"]),
            status=TrialStatus(row["status"]),
            metrics=dict(metrics),
            reason=row["reason"],
            provenance=json.loads(row["provenance"]),
            **{name: row[name] for name in TIMES},
            curve=curve,
            attempts=row.get("attempts") or 0,
            output=row.get("output"),
            proposed_event=row.get("proposed_event"),
            ended_event=row.get("ended_event"),
        )
        content = {name: value for name, value in row.items() if name not in ("run", "checksum")}
        content["metrics"] = dict(sorted(metrics.items()))
        if row.get("checksum") != checksum(content):
            wrong = complaint(trial)
            if wrong is not None:
                raise ValueError(wrong)
            _check(row, content)
        return trial


def checksum(row: Mapping[str, Any]) -> str:
    """Of what a row holds, by column."""
    # Texts, numbers and None have one representation each, and it is quick to make.
    return blake2b(repr(sorted(row.items())).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def _check(row: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """Raise ValueError where the row is not what was written; rows of older versions have no checksum."""
    written = row.get("checksum")
    if written is not None and written != checksum(content):
        raise ValueError("its checksum is wrong, so something has changed it since it was written")


@contextmanager
def trusted(what: str) -> Iterator[None]:
    """Within this context, whatever goes wrong is a row that makes no sense: UserError."""
    try:
        yield
    except Exception as error:  # a row that was edited may break anything
        raise UserError(f"{what} makes no sense: {error}") from None
