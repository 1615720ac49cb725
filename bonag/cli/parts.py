"""`bonag list PARTS`: what runs can be made of, from the registries; nothing is imported that is not asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# What can be listed, in this order, and all of it together.
ROLES = (
    "spaces",
    "evaluators",
    "strategies",
    "acquisitions",
    "predictors",
    "generators",
    "executors",
    "stop-rules",
)
ALL = "parts"


def list_parts(what: str, data: Path | None, as_json: bool) -> None:
    """Print the parts of one role, or of all. data: the folder of benchmark tables that the user named."""
    found = {role: _parts(role, data) for role in (ROLES if what == ALL else (what,))}
    if as_json:
        print(json.dumps(found if what == ALL else found[what], indent=2))
        return
    print("\n".join(line for role, parts in found.items() for line in _lines(role, parts)))
    if what == ALL:
        print("one of yours, wherever a part is named: module:attribute")


def _parts(role: str, data: Path | None) -> list[dict[str, Any]]:
    """Each part of a role by name, and where it comes from; evaluators with their tasks."""
    from bonag import roles

    registry = getattr(roles, role.replace("-", "_").upper())
    parts = [{"name": name, "from": registry.package(name)} for name in registry.names()]
    return [one | _told(one["name"], data) for one in parts] if role == "evaluators" else parts


def _told(name: str, data: Path | None) -> dict[str, Any]:
    """The space that an evaluator is for, null for any, and its tasks, or what it needs that is not here."""
    from bonag.cli.spaces import tasks_of

    space, _, evaluator = name.rpartition(".")
    if not space:
        return {"space": None, "tasks": [], "needs": None}
    tasks = tasks_of(space, evaluator, data)
    here = isinstance(tasks, list)
    return {"space": space, "tasks": tasks if here else None, "needs": None if here else tasks}


def _lines(role: str, parts: Sequence[dict[str, Any]]) -> list[str]:
    if role == "evaluators":
        return ["evaluators", *(f"  {_named(one)}: {_tasks_text(one)}" for one in parts)]
    return [f"{role}: {', '.join(map(_named, parts))}"]


def _named(part: dict[str, Any]) -> str:
    return part["name"] + (f" ({part['from']})" if part["from"] else "")


def _tasks_text(part: dict[str, Any]) -> str:
    if part["space"] is None:
        return "for any space"
    if part["tasks"] is None:
        return f"not here: {part['needs']}"
    return ", ".join(part["tasks"]) or "no tasks to choose from"
