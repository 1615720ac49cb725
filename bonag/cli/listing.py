"""`bonag list`."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bonag.cli.reading import Json

if TYPE_CHECKING:
    from bonag.record.listing import Listed

RESULTS = Path("results")


def list_runs(
    where: Annotated[
        str, typer.Argument(metavar="FOLDER|URL", help="A folder of runs, or postgresql://user@host/database.")
    ] = str(RESULTS),
    as_json: Json = False,
) -> None:
    """List runs, the newest last; also while they go on.

    With --json: a list of objects with run, path (its folder, or the database), state, reason, space, evaluator, task,
    objective (a string, or a list of several), constraints, strategy, seed, budget, trials, queries, known, completed,
    failed, stopped, abandoned, running, best (the first goal's), created and ended (ISO 8601), and problem. Of a run
    that cannot be read all but run, path and problem are null.
    """
    runs = _find(where)
    if as_json:
        print(json.dumps([_values(one) for one in runs], indent=2))
    elif not runs:
        print(f"no run in {where}")
    else:
        print("\n".join(_table([_cells(one) for one in runs])))


def _find(where: str) -> list[Listed]:
    from bonag.record import Address
    from bonag.record.listing import runs_in_database, runs_in_folder
    from search_spaces.errors import UserError

    if "://" in where:
        return runs_in_database(Address.parse(where))
    if not Path(where).is_dir() and Path(where) != RESULTS:
        raise UserError(f"{where} is no folder, and no address like postgresql://user@host/database")
    return runs_in_folder(Path(where))


NAMES = ("space", "evaluator", "task", "objective", "constraints", "strategy", "seed", "budget")
STATUSES = ("completed", "failed", "stopped", "abandoned", "running")
HEADINGS = ("run", "state", "space", "evaluator", "objective", "trials", "best", "age")


def _values(one: Listed) -> dict[str, Any]:
    found = one.overview
    keys = ("state", "reason", *NAMES, "trials", "queries", "known", *STATUSES, "best", "created", "ended")
    values: dict[str, Any] = dict.fromkeys(keys)
    if found is not None:
        values |= {"state": str(found.state), "reason": found.reason, "best": found.best}
        values |= {name: getattr(found.config, name) for name in NAMES}
        values |= {"trials": found.count, "queries": found.count - found.known, "known": found.known}
        values |= {status: found.trials.get(status, 0) for status in STATUSES}
        values |= {"created": _iso(found.created_at), "ended": _iso(found.ended_at)}
    return {"run": one.name, "path": one.where, **values, "problem": one.problem}


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _cells(one: Listed) -> tuple[str, ...]:
    from bonag.cli.progress import duration
    from bonag.evaluators.registry import declared_units
    from loops.metric_units import amount

    found = one.overview
    if found is None:
        return one.name, "unreadable", " ".join((one.problem or "").split())
    config = found.config
    evaluator = f"{config.evaluator}/{config.task}" if config.task else config.evaluator
    trials = f"{found.count - found.known}" + ("" if config.budget is None else f"/{config.budget}")
    trials += f" + {found.known} known" if found.known else ""
    metric, units = config.parsed_objective().goals[0].metric, declared_units(config.space, config.evaluator)
    best = "-" if found.best is None else amount(metric, found.best, units=units)
    age = duration(max(0.0, time.time() - one.at))
    objective = str(config.parsed_objective())
    return one.name, str(found.state), config.space, evaluator, objective, trials, best, age


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Columns as wide as what is in them; what a run that cannot be read says has the rest of its line."""
    rows = [HEADINGS, *rows]
    widths = [max(len(row[place]) for row in rows if len(row) > place) for place in (0, 1)]
    whole = [row for row in rows if len(row) == len(HEADINGS)]
    widths += [max(len(row[place]) for row in whole) for place in range(2, len(HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
