"""Architectures that the user wants to see first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loops.history import History
from loops.protocols import Proposal, Strategy
from search_spaces import Architecture


class TryFirst:
    """Proposes these architectures, then what another strategy proposes."""

    def __init__(self, strategy: Strategy, architectures: Sequence[Architecture]) -> None:
        self.strategy, self.architectures = strategy, tuple(dict.fromkeys(architectures))
        self.name = strategy.name

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """Those of them that the history does not hold, in their order, and nothing else together with them."""
        left = [one for one in self.architectures if one not in history.seen]
        if left:
            return [Proposal(architecture, {"origin": "tried"}) for architecture in left[:n]]
        return self.strategy.propose(history, n, rng)
