"""The networks of a space as a recipe wants them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

import numpy as np

from bonag.training.recipe import Settings
from search_spaces import NetworkSize, SearchSpace
from search_spaces.counting import network_costs, tried_network
from search_spaces.errors import UserError

# What a recipe may choose of a network: keyword arguments of ``space.build``, of those spaces that have them.
CHOICES = ("channels", "cells", "width")


def build_arguments(
    space: SearchSpace, recipe: Settings, asked: Iterable[str] = (), choices: Sequence[str] = CHOICES
) -> dict[str, float]:
    """The keyword arguments of ``space.build`` for this recipe; raises UserError.

    asked: the settings that the user chose, and that must not be passed over where the space cannot. choices: those of
    the recipe that are such arguments.
    """
    known = inspect.signature(space.build).parameters
    for name in choices:
        if name in asked and name not in known:
            raise UserError(f"the networks of space '{space.name}' have no choice of {name}: leave it out")
    chosen = {name: getattr(recipe, name) for name in choices if name in known}
    return {name: value for name, value in chosen.items() if value is not None}


def check_networks(space: SearchSpace, size: NetworkSize) -> None:
    """Raise UserError where the space has no networks of that size, or they cost something else than it tells.

    One is made, and nothing computed.
    """
    if not space.builds:
        raise UserError(f"space '{space.name}' builds no networks to train")
    if not (space.takes_images or space.takes_tokens):
        takes = " and ".join(space.input_names)
        raise UserError(
            f"the networks of space '{space.name}' take {takes}, and here networks are trained on images or on texts: "
            "give an evaluator of yours by --evaluator module:function"
        )
    architecture = space.sample(1, np.random.default_rng(0))[0]
    images = "" if size.image_size is None else f" for images of {size.image_size} pixels"
    how = "; choose a size by --hyperparameter image_size=N" if images else ""
    try:
        told = space.at(size).costs(architecture)
        network, inputs = tried_network(space.at(size), architecture, size.num_classes, size.image_size)
        counted = network_costs(network, inputs)
    except NotImplementedError as error:
        raise UserError(f"space '{space.name}' builds no networks to train: {error}") from error
    except ValueError as error:
        raise UserError(f"no network of space '{space.name}'{images}: {str(error).splitlines()[0]}{how}") from error
    if space.takes_tokens and not callable(getattr(network, "read", None)):
        raise UserError(
            f"the networks of space '{space.name}' have no `read(tokens, states=None)`, by which they learn a text"
        )
    if told != counted:
        raise UserError(
            f"space '{space.name}' tells {told} of {architecture}, and its network ({size}) has {counted}: count by "
            "`_costs`, with an argument for each one of `build`, or leave costs out"
        )
