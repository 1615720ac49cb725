"""Strategies by name, put together from their parts."""

from __future__ import annotations

from collections.abc import Callable

from bonag.device import resolve_device
from bonag.generators.choosing import make_generator
from bonag.roles import ACQUISITIONS as ACQUISITION_PARTS
from bonag.roles import PREDICTORS as PREDICTOR_PARTS
from bonag.roles import STRATEGIES as STRATEGY_PARTS
from loops.objective import Objective
from loops.protocols import Strategy
from search_spaces import SearchSpace
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

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
    if name != "bonag" and name not in MUTATION_BO and (acquisition, predictor) != (ACQUISITIONS[0], PREDICTORS[0]):
        raise UserError(f"strategy '{name}' has neither acquisition nor predictor: leave them out, or take 'bonag'")
    known: dict[str, Callable[[], object]] = {
        "space": lambda: space,
        "objective": lambda: objective,
        "device": lambda: resolve_device(device),
    }
    known |= {
        "predictor": lambda: PREDICTOR_PARTS.make(predictor, known),
        "acquisition": lambda: ACQUISITION_PARTS.make(acquisition),
        "generator": lambda: make_generator(None, space, resolve_device(device)),
    }
    return STRATEGY_PARTS.make(name, known)


def check_choices(acquisition: str, predictor: str) -> None:
    """Raises UserError for an acquisition or a predictor that there is not."""
    if acquisition not in ACQUISITIONS:
        raise UserError(f"unknown acquisition '{acquisition}': {suggestion(acquisition, ACQUISITIONS)}")
    if predictor not in PREDICTORS:
        raise UserError(f"unknown predictor '{predictor}': {suggestion(predictor, PREDICTORS)}")
