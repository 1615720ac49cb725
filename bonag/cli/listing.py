"""`bonag list`: of runs. What it says of parts is in ``parts``."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bonag.cli.parts import ALL, ROLES, list_parts
from bonag.cli.reading import Json

if TYPE_CHECKING:
    from bonag.record.listing import Listed

RESULTS = Path("results")


def list_what(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|URL|PARTS",
            help="A folder of runs, or postgresql://user@host/database; or parts (all of them), "
            f"{', '.join(ROLES[:-1])} or {ROLES[-1]}.",
        ),
    ] = str(RESULTS),
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of benchmark tables, for evaluators.", show_default="$BONAG_DATA"),
    ] = None,
    as_json: Json = False,
) -> None:
    """List runs, the newest last, also while they go on; or the parts that runs are made of.

    bonag list
    bonag list parts
    bonag list evaluators --data ~/tables

    Of parts: their names, the package that brings them where that is not bonag, and of evaluators the tasks, or what
    they need that is not here. With --json: a list of objects with name and from (null where built in), evaluators with
    space (null for any), tasks (null where something is not here) and needs; of all parts an object of such lists by
    role.

    Of runs with --json: a list of objects with run, path (its folder, or the database), state, reason, space,
    evaluator, task, objective (a string, or a list of several), constraints, strategy, seed, budget, trials, queries,
    known, completed, failed, stopped, abandoned, running, best (the first goal's), created and ended (ISO 8601), note,
    tags, and problem. Of a run that cannot be read all but run, path and problem are null.
    """
    if what in (ALL, *ROLES):
        list_parts(what, data, as_json)
        return
    runs = _find(what)
    if as_json:
        print(json.dumps([_values(one) for one in runs], indent=2))
    elif not runs:
        print(f"no run in {what}; what runs are made of: bonag list {ALL}")
    else:
        print("\n".join(_table([_cells(one) for one in runs])))


def _find(where: str) -> list[Listed]:
    from bonag.record import Address
    from bonag.record.listing import runs_in_database, runs_in_folder
    from search_spaces.errors import UserError
    from search_spaces.near_miss import suggestion

    if "://" in where:
        return runs_in_database(Address.parse(where))
    if not Path(where).is_dir() and Path(where) != RESULTS:
        hint = suggestion(where, (ALL, *ROLES))
        raise UserError(f"{where} is no folder, no address like postgresql://user@host/database, and no part: {hint}")
    return runs_in_folder(Path(where))


NAMES = ("space", "evaluator", "task", "objective", "constraints", "strategy", "seed", "budget")
STATUSES = ("completed", "failed", "stopped", "abandoned", "running")
HEADINGS = ("run", "state", "space", "evaluator", "objective", "trials", "best", "age")


def _values(one: Listed) -> dict[str, Any]:
    found = one.overview
    counts = ("trials", "queries", "known", *STATUSES)
    keys = ("state", "reason", *NAMES, *counts, "best", "created", "ended", "note", "tags")
    values: dict[str, Any] = dict.fromkeys(keys)
    if found is not None:
        values |= {"state": str(found.state), "reason": found.reason, "best": found.gain.best}
        values |= {name: getattr(found.config, name) for name in NAMES}
        values |= {"trials": found.count, "queries": found.count - found.known, "known": found.known}
        values |= {status: found.trials.get(status, 0) for status in STATUSES}
        values |= {"note": found.note.text, "tags": list(found.note.tags)}
        values |= {"created": _iso(found.created_at), "ended": _iso(found.ended_at)}
    return {"run": one.name, "path": one.where, **values, "problem": one.problem}


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _cells(one: Listed) -> tuple[str, ...]:
    from bonag.evaluators.registry import units_of_run
    from loops.metric_units import duration

    found = one.overview
    if found is None:
        return one.name, "unreadable", " ".join((one.problem or "").split())
    config = found.config
    evaluator = f"{config.evaluator}/{config.task}" if config.task else config.evaluator
    trials = f"{found.count - found.known}" + ("" if config.budget is None else f"/{config.budget}")
    trials += f" + {found.known} known" if found.known else ""
    objective = config.parsed_objective()
    best = found.gain.words(objective, units_of_run(config, found.units, objective.metrics)) or "-"
    age = duration(max(0.0, time.time() - one.at))
    return one.name, str(found.state), config.space, evaluator, str(objective), trials, best, age


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Columns as wide as what is in them; what a run that cannot be read says has the rest of its line."""
    rows = [HEADINGS, *rows]
    widths = [max(len(row[place]) for row in rows if len(row) > place) for place in (0, 1)]
    whole = [row for row in rows if len(row) == len(HEADINGS)]
    widths += [max(len(row[place]) for row in whole) for place in range(2, len(HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
