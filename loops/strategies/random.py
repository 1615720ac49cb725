"""Random search."""

from __future__ import annotations

import numpy as np

from loops.history import History
from loops.protocols import Proposal
from loops.strategies.fresh import fresh
from search_spaces import SearchSpace


class RandomSearch:
    """Uniform over the architectures that have no trial yet."""

    name = "random"

    def __init__(self, space: SearchSpace) -> None:
        self.space = space

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n unseen architectures; fewer only if the space has no more."""
        return [Proposal(a, {"origin": "random"}) for a in fresh(self.space, history.seen, n, rng)]
