"""Strategies by name, put together from their parts."""

from __future__ import annotations

from loops.errors import UserError
from loops.objective import Objective
from loops.protocols import Strategy
from loops.strategies import LocalSearch, RandomSearch, RegularizedEvolution
from search_spaces import SearchSpace
from search_spaces.near_miss import suggestion

STRATEGIES = ("bonag", "random", "evolution", "local-search")


def strategy_names() -> tuple[str, ...]:
    """The names that ``make_strategy`` knows, the default first."""
    return STRATEGIES


def make_strategy(name: str, space: SearchSpace, objective: Objective, device: str = "cpu") -> Strategy:
    """The strategy of that name; raises UserError, also where the space has no trained generator.

    device: where the networks run, ``cpu``, ``cuda``, or ``auto`` for CUDA if there is any.
    """
    if name == "random":
        return RandomSearch(space)
    if name == "evolution":
        return RegularizedEvolution(space, objective)
    if name == "local-search":
        return LocalSearch(space, objective)
    if name == "bonag":
        return _guided(space, objective, device)
    raise UserError(f"unknown strategy '{name}': {suggestion(name, STRATEGIES)}")


def _guided(space: SearchSpace, objective: Objective, device: str) -> Strategy:
    if space.adjacency is None:
        raise UserError(
            f"strategy 'bonag' needs graphs of one topology, and those of space '{space.name}' vary: "
            "choose from random, evolution, local-search"
        )
    import torch

    from bonag.acquisition.surrogate import GraphSurrogate
    from bonag.generators.artifact import load_generator
    from loops.strategies.guided import GuidedGeneration

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = load_generator(space, device=device)
    return GuidedGeneration(space, objective, GraphSurrogate(space, device=device), generator)
