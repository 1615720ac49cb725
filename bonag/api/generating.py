"""Architectures on demand, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch

from bonag.api.parts import EvaluatorLike, default_threads
from bonag.api.proposing import propose_by_sources
from bonag.api.sources import read_sources
from bonag.device import resolve_device
from bonag.evaluators.callable_evaluator import CallableEvaluator
from bonag.generators.artifact import FAMILIES
from bonag.generators.choosing import find_generator, names_file
from bonag.names import DeviceName, EvaluatorName, FamilyName, MethodName, SpaceName
from bonag.on_demand.generate import generate as generate_architectures
from bonag.on_demand.generated import Generated
from bonag.on_demand.measuring import ExactCosts, choose_evaluator
from loops.config import DEVICES
from loops.constraint import Constraint
from loops.objective import Objective
from loops.protocols import Evaluator
from search_spaces import SearchSpace, get_space
from search_spaces.architecture import COUNTED
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

# What sources are asked for by default.
GOAL = "accuracy"


def generate(
    space: SpaceName | str | SearchSpace,
    n: int = 100,
    where: Sequence[str] = (),
    guidance: Mapping[str, float] | None = None,
    generator: FamilyName | str | Path | None = None,
    model: str | Path | None = None,
    method: MethodName | str | None = None,
    labels: int | None = None,
    evaluator: EvaluatorName | EvaluatorLike = None,
    task: str | None = None,
    data: str | Path | None = None,
    seed: int = 0,
    device: DeviceName | str = "auto",
    transfer: str | Sequence[str] | None = None,
    objective: str | Sequence[str] | None = None,
    as_drawn: bool = False,
) -> Generated:
    """Generate n different architectures that meet conditions; what ``bonag generate`` does.

    More are drawn until there are n; where fewer are found, ``made.drawn`` tells how many were drawn for them.

    where: conditions on metrics of the evaluator, or on ``params`` and ``macs``. In units, as ``latency_pixel3<=8``; or
        as shares, ``accuracy>=top5%`` or ``params<=bottom10%``, of those that meet all conditions in units.
    guidance: strength by metric, dimensionless; 1 is Bayes' rule, more insists.
    generator: the family of the one that comes with the space, ``discrete`` (default) or ``score``; or a file that
        ``train_generator`` wrote. model: such a file too.
    method: of discrete generators ``classifier-free``, ``resampling`` or ``first-order``, of score-based ones
        ``gradient``. By default the first that the generator allows: classifier-free needs one that was trained with
        the metrics, on labels of the same evaluator and task.
    labels: evaluations of random architectures that guidance may cost, by default 5 % of the space and at most 1,000.
    evaluator: a name, an Evaluator, or a function that maps an architecture to its metrics by name or to the only
        metric in ``where``; it also says what is true of the architectures. task, data: as in ``search``.

    transfer: sources, as in ``search``: the architectures are then the first that a search with them would propose for
        a task of which nothing is known yet, best first, and nothing is evaluated for them. ``where`` may bound in
        units what the sources know. objective: what those sources are asked for, by default accuracy.
    as_drawn: give the first n that are drawn, with doubles. All of them meet conditions on exact counts; of others, as
        many as guidance reaches.

    Raises UserError, in one line, for what the caller can mend. The same seed gives the same architectures.
    """
    torch.set_num_threads(default_threads())
    where = [where] if isinstance(where, str) else where
    space, device = get_space(space), torch_device(device)
    family: str | None = None
    if generator is not None and generator not in FAMILIES and names_file(generator):
        model = _only(model, generator)
    elif generator is not None:
        family = str(generator)
        check_name("generator family", family, FAMILIES)
    if objective and not transfer:
        raise UserError("an objective is what sources are asked for: give some by --transfer, or conditions by --where")
    if transfer and evaluator is None:
        measures: Evaluator = ExactCosts(space, "the task is new")
    else:
        measures = make_generation_evaluator(space, evaluator, _metrics(where), task, data)
    loaded = find_generator(space, None if model is None else Path(model), family or FAMILIES[0], device)
    if family not in (None, loaded.generator.family):
        raise UserError(f"{loaded.path} holds a {loaded.generator.family} generator, not a {family} one")
    if transfer:
        if method is not None or labels is not None or guidance or as_drawn:
            raise UserError("transfer takes no method, labels, guidance or as_drawn: its sources are what guides")
        texts, known = [transfer] if isinstance(transfer, str) else transfer, _goal(objective or GOAL, where)
        sources = read_sources(texts, space, known, data=None if data is None else Path(data))
        return propose_by_sources(loaded, n, measures, known, sources, seed)
    return generate_architectures(loaded, n, measures, where, guidance, method, labels, seed, as_drawn)


def make_generation_evaluator(
    space: SearchSpace, given: EvaluatorLike, metrics: Sequence[str], task: str | None, data: str | Path | None
) -> Evaluator:
    """The evaluator of these metrics; a function is one of the only metric that is no exact count."""
    if given is None or isinstance(given, str):
        return choose_evaluator(space, metrics, given, task, None if data is None else Path(data))
    if hasattr(given, "evaluate") and hasattr(given, "metrics"):
        return cast(Evaluator, given)
    names = tuple(dict.fromkeys(name for name in metrics if name not in COUNTED)) or ("accuracy",)
    return CallableEvaluator(given, names)


def _goal(objective: str | Sequence[str], where: Sequence[str]) -> Objective:
    try:
        return Objective.parse(objective, where)
    except ValueError as error:
        raise UserError(str(error)) from None


def torch_device(device: str) -> str:
    """``cpu`` or ``cuda``; raises UserError."""
    check_name("device", device, DEVICES)
    return resolve_device(device)


def check_name(what: str, name: str, names: Sequence[str]) -> None:
    """Raises UserError where the name is none of them."""
    if name not in names:
        raise UserError(f"unknown {what} '{name}': {suggestion(name, names)}")


def _metrics(where: Sequence[str]) -> list[str]:
    try:
        return [Constraint.parse(text, shares=True).metric for text in where]
    except ValueError as error:
        raise UserError(str(error)) from None


def _only(model: str | Path | None, generator: str | Path) -> str | Path:
    if model is not None:
        raise UserError(f"both {generator} and {model} are generators: give one of them")
    return generator
