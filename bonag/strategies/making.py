"""A strategy, put together from the parts that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature

from bonag.device import resolve_device
from bonag.roles import ACQUISITIONS, PREDICTORS, STRATEGIES
from loops.objective import Objective
from loops.protocols import Strategy
from loops.source import Source
from search_spaces import SearchSpace
from search_spaces.errors import UserError

# What only some strategies ask for.
OPTIONAL = ("acquisition", "predictor", "generator")
SOURCES = "sources"


def make_strategy(
    strategy: object,
    space: SearchSpace,
    objective: Objective,
    device: str = "cpu",
    *,
    acquisition: object = "log-ei",
    predictor: object = "gp",
    generator: object = None,
    sources: Sequence[Source] = (),
) -> Strategy:
    """The strategy, of parts that are given as names or as Python objects; raises UserError.

    device: where networks run, ``cpu``, ``cuda``, or ``auto`` for CUDA if there is any. acquisition, predictor,
    generator: refused where the strategy does not ask for them, unless they are the default ones. sources: of transfer;
    refused likewise.
    """
    chosen = {"acquisition": acquisition, "predictor": predictor, "generator": generator}
    asked = STRATEGIES.asks(strategy, (*OPTIONAL, SOURCES))
    if sources and SOURCES not in asked:
        raise UserError(f"strategy '{strategy}' cannot transfer: leave out the sources, or take 'bonag'")
    for role, part in chosen.items():
        if role not in asked and part != signature(make_strategy).parameters[role].default:
            raise UserError(f"strategy '{strategy}' takes no {role}: leave it out, or take 'bonag'")
    known: dict[str, Callable[[], object]] = {
        "space": lambda: space,
        "objective": lambda: objective,
        "device": lambda: resolve_device(device),
    }

    def made_generator() -> object:
        from bonag.generators.choosing import make_generator

        return make_generator(generator, space, resolve_device(device))

    optional: dict[str, Callable[[], object]] = {
        "acquisition": lambda: ACQUISITIONS.make(acquisition, known),
        "predictor": lambda: PREDICTORS.make(predictor, known),
        "generator": made_generator,
        SOURCES: lambda: sources,
    }
    return STRATEGIES.make(strategy, known | optional)


def computing_device(strategy: object, device: str) -> str:
    """Where the strategy computes, ``cpu`` or ``cuda``; raises UserError."""
    computes = STRATEGIES.asks(strategy, ("device", *OPTIONAL))
    return resolve_device(device) if computes or device != "auto" else "cpu"
