"""Strategies by name, put together from their parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from loops.initial import first_design, front_design
from loops.objective import Objective
from loops.protocols import Strategy
from loops.strategies import NSGA2, LocalSearch, RandomSearch, RegularizedEvolution
from search_spaces import SearchSpace
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    from bonag.strategies.guided import Design, Generator, MetricSurrogate, Surrogate

# They need neither a trained generator nor PyTorch.
BASELINES = ("random", "evolution", "evolution:naszilla", "local-search", "nsga2")
# Published methods with models of their own, which run on the CPU.
MODEL_BASED = ("bananas", "gp-wl", "gp")
# Our own predictors and acquisition, with other candidates in place of the generator's.
MUTATION_BO = ("mutation-bo", "mutation-bo:random", "mutation-bo:mutation", "mutation-bo:evolution")
STRATEGIES = ("bonag", *BASELINES, *MODEL_BASED, *MUTATION_BO, "ax")
# Of each, the default first.
ACQUISITIONS = ("log-ei", "ucb", "pi", "thompson")
PREDICTORS = ("gp", "ensemble", "mixture")


def strategy_names() -> tuple[str, ...]:
    """The names that ``make_strategy`` knows, the default first."""
    return STRATEGIES


def make_strategy(
    name: str,
    space: SearchSpace,
    objective: Objective,
    device: str = "cpu",
    acquisition: str = ACQUISITIONS[0],
    predictor: str = PREDICTORS[0],
) -> Strategy:
    """The strategy of that name; raises UserError, also where the space has no trained generator.

    device: where the networks run, ``cpu``, ``cuda``, or ``auto`` for CUDA if there is any.
    acquisition, predictor: what ``bonag`` and ``mutation-bo`` decide by; others take only the default.
    """
    if name not in STRATEGIES:
        raise UserError(f"unknown strategy '{name}': {suggestion(name, STRATEGIES)}")
    check_choices(acquisition, predictor)
    if name == "bonag":
        return _guided(space, objective, device, acquisition, predictor)
    if name in MUTATION_BO:
        return _mutation_bo(name, space, objective, device, acquisition, predictor)
    if (acquisition, predictor) != (ACQUISITIONS[0], PREDICTORS[0]):
        raise UserError(f"strategy '{name}' has neither acquisition nor predictor: leave them out, or take 'bonag'")
    return _baseline(name, space, objective)


def check_choices(acquisition: str, predictor: str) -> None:
    """Raises UserError for an acquisition or a predictor that there is not."""
    if acquisition not in ACQUISITIONS:
        raise UserError(f"unknown acquisition '{acquisition}': {suggestion(acquisition, ACQUISITIONS)}")
    if predictor not in PREDICTORS:
        raise UserError(f"unknown predictor '{predictor}': {suggestion(predictor, PREDICTORS)}")


def _baseline(name: str, space: SearchSpace, objective: Objective) -> Strategy:
    if name == "random":
        return RandomSearch(space)
    if name == "evolution":
        return RegularizedEvolution(space, objective)
    if name == "evolution:naszilla":
        return RegularizedEvolution.naszilla(space, objective)
    if name == "local-search":
        return LocalSearch(space, objective)
    if name == "nsga2":
        return NSGA2(space, objective)
    if name == "bananas":
        from bonag.strategies.bananas import Bananas

        return Bananas(space, objective)
    if name == "gp-wl":
        from bonag.strategies.gp_wl import nas_bowl

        return nas_bowl(space, objective)
    if name == "gp":
        from bonag.strategies.gp import plain_process

        return plain_process(space, objective)
    from bonag.ax.default_strategy import AxDefault

    return AxDefault(space, objective)


def _guided(space: SearchSpace, objective: Objective, device: str, acquisition: str, predictor: str) -> Strategy:
    from bonag.generators.choosing import make_generator
    from bonag.strategies.guided import GuidedGeneration

    device = _device(device)
    generator = make_generator(None, space, device)
    surrogate = _surrogate(space, objective, device, acquisition, predictor)
    return GuidedGeneration(space, objective, surrogate, generator, design=_design(objective))


def _mutation_bo(
    name: str, space: SearchSpace, objective: Objective, device: str, acquisition: str, predictor: str
) -> Strategy:
    from bonag.generators.candidates import EvolutionCandidates, MutationCandidates, RandomCandidates
    from bonag.strategies.guided import GuidedGeneration

    makers: dict[str, Callable[[], Generator]] = {
        "mutation-bo": lambda: MutationCandidates(space, random=0.5),
        "mutation-bo:random": lambda: RandomCandidates(space),
        "mutation-bo:mutation": lambda: MutationCandidates(space),
        "mutation-bo:evolution": lambda: EvolutionCandidates(space),
    }
    surrogate = _surrogate(space, objective, _device(device), acquisition, predictor)
    return GuidedGeneration(space, objective, surrogate, makers[name](), name=name, design=_design(objective))


def _design(objective: Objective) -> Design:
    """What ``bonag`` and ``mutation-bo`` begin with."""
    return first_design if len(objective.goals) == 1 else front_design


def _surrogate(
    space: SearchSpace, objective: Objective, device: str, acquisition: str, predictor: str
) -> Surrogate | MetricSurrogate:
    """What ``bonag`` and ``mutation-bo`` decide by."""
    if objective.single:
        from bonag.acquisition.surrogate import GraphSurrogate

        return GraphSurrogate(space, acquisition, predictor, device)
    from bonag.acquisition.objective import ObjectiveSurrogate

    if acquisition != ACQUISITIONS[0]:
        raise UserError(
            f"acquisition '{acquisition}' is for one objective without constraints; for {objective} it is "
            f"'{ACQUISITIONS[0]}'"
        )
    return ObjectiveSurrogate(space, objective, predictor, device)


def _device(device: str) -> str:
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device
