"""The evaluators that there are for a space, by name and task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from bonag.evaluators.callable_evaluator import CallableEvaluator
from bonag.evaluators.command import EXEC, CommandEvaluator
from bonag.evaluators.counting_evaluator import CountingEvaluator, known_metrics
from bonag.roles import EVALUATORS
from loops.config import RunConfig
from loops.metric_units import untold
from loops.objective import Objective
from loops.protocols import Evaluator
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion
from search_spaces.registry import name_of

# How users bring an evaluator of their own.
WAYS = (
    "--evaluator train trains networks; one of yours is --evaluator module:function or 'exec:COMMAND', "
    "bonag.search(evaluator=function), or in a package an entry point "
    f"'{{space}}.NAME' of the group '{EVALUATORS.groups[0]}'"
)


class EvaluatorProvider(Protocol):
    """What makes an evaluator that has tasks or reads data: a module or an object.

    data_dir is the folder that the user named, or None; ``bonag.evaluators.data_files`` looks further.
    """

    def task_names(self, data_dir: Path | None) -> list[str]:
        """The tasks that can be asked for, the default one first; raises UserError."""
        ...

    def make(self, space: SearchSpace, task: str, data_dir: Path | None) -> Evaluator:
        """The evaluator of one of these tasks; raises UserError."""
        ...


def evaluator_names(space_name: str) -> list[str]:
    """The evaluators that a space has, the default one first, and then those of any space."""
    return [*_of_space(space_name), *(name for name in EVALUATORS.names() if "." not in name)]


def task_names(space_name: str, evaluator_name: str | None = None, data_dir: Path | None = None) -> list[str]:
    """The tasks of an evaluator, the default one first; none where it has no choice of them. Raises UserError."""
    provider = _provider(_find(space_name, evaluator_name)[1])
    return provider.task_names(data_dir) if provider else []


def told_units(evaluator: object) -> dict[str, str]:
    """By metric, the units that an evaluator tells of; raises UserError where they are no words."""
    units = getattr(evaluator, "units", {})
    if not isinstance(units, Mapping) or not all(isinstance(word, str) for pair in units.items() for word in pair):
        raise UserError(
            f"the evaluator's units must be a word for each metric, as in {{'latency': 's'}}, not {units!r}"
        )
    return dict(units)


def units_of_run(config: RunConfig, told: Mapping[str, str], metrics: Iterable[str]) -> dict[str, str]:
    """By metric, what is known of its unit, as far as names do not tell it (``loops.metric_units``).

    told: by the run's evaluator. Accuracies of bonag's own evaluators are in per cent; of others' nobody knows, so
    that they have none: "".
    """
    full = f"{config.space}.{config.evaluator}"
    if full not in EVALUATORS.built_in and config.evaluator not in EVALUATORS.built_in:
        return untold(metrics) | dict(told)
    return dict.fromkeys(untold(metrics), "%") | dict(told)


def make_evaluator(
    space: SearchSpace,
    part: object = None,
    task: str | None = None,
    data_dir: Path | None = None,
    *,
    objective: Objective | None = None,
    metrics: Sequence[str] = (),
    settings: Mapping[str, object] = MappingProxyType({}),
    size: NetworkSize | None = None,
) -> Evaluator:
    """The evaluator of that name for that task, or the default ones; beside ``Evaluator`` it has ``name`` and ``task``.

    part: a name, ``module:attribute``, an evaluator, a function of the architecture, or what makes one of them.
    data_dir: the folder of benchmark data, else that of the environment variable BONAG_DATA; surrogates need none.
    settings: by name, what the evaluator may ask for beside its space, objective, task and ``data``: those of
        ``loops.config.SETTINGS``; None and () are as if not given.
    objective, metrics: what every result must hold; exact costs are counted, and latencies predicted, where the
        evaluator gives none itself.
    size: of the networks whose costs are counted; by default what the evaluator says.
    Raises UserError if there is no such evaluator or task, if its data cannot be read, or if it lacks a metric.
    """
    metrics = metrics if objective is None else objective.metrics
    known_names = known_metrics(space)
    measured = tuple(metric for metric in metrics if metric not in known_names) or tuple(metrics) or ("accuracy",)
    if isinstance(part, str) and part.startswith(EXEC):
        part = CommandEvaluator(part.removeprefix(EXEC), measured)
    name, found = _find(space.name, part)
    made, task = _make(space, name, found, task, data_dir, objective, settings)
    if not hasattr(made, "evaluate"):
        made = CallableEvaluator(cast(Callable[[Architecture], object], made), measured)
    evaluator = cast(Evaluator, made)
    if isinstance(part, str | None):
        for attribute, value in (("name", name), ("task", task)):
            if value is not None and not hasattr(evaluator, attribute):
                with suppress(AttributeError):  # an object may take no attributes
                    setattr(evaluator, attribute, value)
    missing = [metric for metric in metrics if metric not in evaluator.metrics]
    unknown = next((metric for metric in missing if metric not in known_names), None)
    if unknown is not None:
        choice = suggestion(unknown, dict.fromkeys((*evaluator.metrics, *known_names)))
        raise UserError(
            f"evaluator '{name}' of space '{space.name}' measures no '{unknown}': {choice} (a minus before it "
            "minimises)"
        )
    return CountingEvaluator(space, evaluator, missing, size) if missing else evaluator


def _make(
    space: SearchSpace,
    name: str,
    part: object,
    task: str | None,
    data_dir: Path | None,
    objective: Objective | None,
    settings: Mapping[str, object],
) -> tuple[object, str | None]:
    """What the registry makes of the part, and its task; raises UserError for a task or a setting that it has not."""
    given = {setting: value for setting, value in settings.items() if value is not None and value != ()}
    asked = EVALUATORS.asks(part, list(given))
    for setting in given:
        if setting not in asked:
            taker = "supernet" if setting in ("supernet", "imagenet", "images") else "train"
            raise UserError(f"evaluator '{name}' takes no {setting}: leave it out, or choose --evaluator {taker}")
    provider = _provider(part)
    if provider:
        tasks = provider.task_names(data_dir)
        if task is not None and task not in tasks:
            raise UserError(
                f"evaluator '{name}' of space '{space.name}' has no task '{task}': {suggestion(task, tasks)}"
            )
        return provider.make(space, task or tasks[0], data_dir), task or tasks[0]
    known: dict[str, Callable[[], object]] = {"space": lambda: space}
    known |= {} if objective is None else {"objective": lambda: objective}
    known |= {setting: partial(given.get, setting) for setting in given}
    known |= {} if data_dir is None else {"data": lambda: data_dir}
    known |= {"task": lambda: task} if EVALUATORS.asks(part, ["task"]) else {}
    made: object = EVALUATORS.make(part, known)
    own = getattr(made, "task", task)
    if task is not None and own != task:
        raise UserError(f"the task of evaluator '{name}' is '{own}', and not '{task}'")
    return made, task


def _of_space(space_name: str) -> list[str]:
    prefix = f"{space_name}."
    return [name.removeprefix(prefix) for name in EVALUATORS.names() if name.startswith(prefix)]


def _find(space_name: str, part: object) -> tuple[str, object]:
    """The evaluator's name, as users call it, and the name or the object that the role's registry takes."""
    if not isinstance(part, str | None):
        return name_of(part), part
    names = evaluator_names(space_name)
    if part is None:
        own = _of_space(space_name)
        if not own:
            raise UserError(f"space '{space_name}' has no evaluator: {WAYS.format(space=space_name)}")
        part = own[0]
    if ":" not in part and part not in names:
        raise UserError(
            f"space '{space_name}' has no evaluator '{part}': {suggestion(part, names)} "
            f"({WAYS.format(space=space_name)})"
        )
    return part, f"{space_name}.{part}" if part in _of_space(space_name) else part


def _provider(part: object) -> EvaluatorProvider | None:
    found = EVALUATORS.find(part) if isinstance(part, str) else part
    return cast(EvaluatorProvider, found) if hasattr(found, "task_names") else None
