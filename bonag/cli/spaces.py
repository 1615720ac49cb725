"""`bonag spaces`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def spaces(
    data: Annotated[Path | None, typer.Option(help="Folder of benchmark tables.  [default: $BONAG_DATA]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Show the search spaces that are installed, and what can be done with each.

    With --json: a list of objects with name, size, evaluators (an object: the tasks of each, or null where its data is
    not here; the default first) and strategies.
    """
    from bonag.evaluators import evaluator_names
    from bonag.strategies import strategy_names
    from search_spaces import get_space, space_names

    strategies = strategy_names()
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "size": get_space(name).size,
            "evaluators": {evaluator: _tasks(name, evaluator, data) for evaluator in evaluator_names(name)},
            "strategies": list(strategies),
        }
        for name in space_names()
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"{row['name']}: {row['size']:,} architectures")
        for evaluator, tasks in row["evaluators"].items():
            print(f"  evaluator {evaluator}: ", end="")
            print("needs benchmark tables (--data, BONAG_DATA)" if tasks is None else f"tasks {', '.join(tasks)}")
        print(f"  strategies: {', '.join(row['strategies'])}")


def _tasks(space: str, evaluator: str, data: Path | None) -> list[str] | None:
    from bonag.evaluators import task_names
    from search_spaces.errors import UserError

    try:
        return task_names(space, evaluator, data)
    except UserError:
        return None
