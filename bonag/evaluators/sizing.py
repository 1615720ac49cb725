"""The space of the networks that an evaluator measures."""

from __future__ import annotations

import numpy as np

from loops.protocols import Evaluator
from search_spaces import NetworkSize, SearchSpace
from search_spaces.errors import UserError


def sized_space(space: SearchSpace, evaluator: Evaluator, size: NetworkSize | None = None) -> SearchSpace:
    """The space at the size of the evaluator's networks, of which costs are counted; its own where nothing tells it.

    size: that of the networks, where it is known already. Raises UserError where the space has no such networks.
    """
    told = getattr(evaluator, "network_size", None) if size is None else size
    if told is None:
        return space
    if not isinstance(told, NetworkSize):
        raise UserError(f"network_size of an evaluator must be a NetworkSize, got {told!r}")
    sized = space.at(told)
    if sized is not space and space.counts:
        try:
            sized.costs(space.sample(1, np.random.default_rng(0))[0])
        except (ValueError, TypeError, NotImplementedError) as error:
            what = f"space '{space.name}' has no networks of the evaluator's size ({told})"
            raise UserError(f"{what}: {str(error).splitlines()[0]}") from error
    return sized
