"""Where evaluations run."""

from __future__ import annotations

from loops.protocols import Executor
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion


def executor_names() -> list[str]:
    """The names that ``make_executor`` knows."""
    return ["local", "ray"]


def make_executor(name: str) -> Executor:
    """The executor of that name; raises UserError."""
    if name == "local":
        from bonag.executors.local import LocalExecutor

        return LocalExecutor()
    if name == "ray":
        from bonag.executors.ray import RayExecutor

        return RayExecutor()
    raise UserError(f"unknown executor '{name}': {suggestion(name, executor_names())}")


__all__ = ["executor_names", "make_executor"]
