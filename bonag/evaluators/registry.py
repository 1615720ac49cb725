"""The evaluators that there are for a space, by name and task."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

from loops.protocols import Evaluator
from search_spaces import SearchSpace
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

GROUP = "bonag.evaluators"
BUILT_IN = {
    "nb101": {"table": "bonag.evaluators.nb101_table"},
    "nb201": {"surrogate": "bonag.evaluators.nb201_surrogate", "table": "bonag.evaluators.nb201_table"},
    "mbv3": {"surrogate": "bonag.evaluators.mbv3_surrogate", "predictor": "bonag.evaluators.mbv3_predictor"},
    "darts": {"nasbench301": "bonag.evaluators.nb301_surrogate"},
}


class EvaluatorProvider(Protocol):
    """What an entry point ``<space>.<evaluator>`` of the group ``bonag.evaluators`` is: a module or an object.

    data_dir is the folder that the user named, or None; ``bonag.evaluators.data_files`` looks further.
    """

    def task_names(self, data_dir: Path | None) -> list[str]:
        """The tasks that can be asked for, the default one first; raises UserError."""
        ...

    def make(self, space: SearchSpace, task: str, data_dir: Path | None) -> Evaluator:
        """The evaluator of one of these tasks; raises UserError."""
        ...


def evaluator_names(space_name: str) -> list[str]:
    """The names of the evaluators of a space, the default one first; empty if there is none."""
    built_in = list(BUILT_IN.get(space_name, ()))
    return built_in + sorted(set(_entry_points(space_name)) - set(built_in))


def task_names(space_name: str, evaluator_name: str | None = None, data_dir: Path | None = None) -> list[str]:
    """The tasks of an evaluator, the default one first; raises UserError."""
    return _provider(space_name, evaluator_name)[1].task_names(data_dir)


def make_evaluator(
    space: SearchSpace, name: str | None = None, task: str | None = None, data_dir: Path | None = None
) -> Evaluator:
    """The evaluator of that name for that task, or the default ones; beside ``Evaluator`` it has ``name`` and ``task``.

    data_dir: the folder of benchmark data, else that of the environment variable BONAG_DATA; surrogates need none.
    Raises UserError if there is no such evaluator or task, or if its data cannot be read.
    """
    name, provider = _provider(space.name, name)
    tasks = provider.task_names(data_dir)
    if task is None:
        task = tasks[0]
    elif task not in tasks:
        raise UserError(f"evaluator '{name}' of space '{space.name}' has no task '{task}': {suggestion(task, tasks)}")
    return provider.make(space, task, data_dir)


def _provider(space_name: str, name: str | None) -> tuple[str, EvaluatorProvider]:
    names = evaluator_names(space_name)
    if not names:
        raise UserError(
            f"space '{space_name}' has no evaluator: give one as bonag.search(evaluator=callable), or in a package's "
            f"entry points '{GROUP}' as {space_name}.NAME"
        )
    name = names[0] if name is None else name
    if name in BUILT_IN.get(space_name, {}):
        return name, import_module(BUILT_IN[space_name][name])
    if name not in names:
        raise UserError(
            f"space '{space_name}' has no evaluator '{name}': {suggestion(name, names)} "
            "(bonag.search(evaluator=callable) takes one of yours)"
        )
    point = _entry_points(space_name)[name]
    try:
        return name, point.load()
    except Exception as error:
        raise UserError(
            f"evaluator '{name}' of space '{space_name}' cannot be loaded from {point.value}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _entry_points(space_name: str) -> dict[str, EntryPoint]:
    prefix = f"{space_name}."
    return {p.name.removeprefix(prefix): p for p in entry_points(group=GROUP) if p.name.startswith(prefix)}
