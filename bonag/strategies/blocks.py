"""Strategies that rank candidates after every block of trials, and propose them in that order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from bonag.remembered import Remembered
from loops.history import History
from loops.objective import Objective
from loops.protocols import Proposal
from loops.strategies.fresh import fresh
from search_spaces import Architecture, SearchSpace


@dataclass(frozen=True)
class Blocks(ABC):
    """Random architectures first, ``initial`` of them; then, after every ``block`` trials, a new ranking.

    It is made of the trials that are completed by then. Whatever is random in it comes from a hash of these trials, so
    that all proposals of a block see the same ranking without anything being kept.
    """

    space: SearchSpace
    objective: Objective
    initial: int
    block: int
    name: str
    _last: Remembered[list[Architecture]] = field(default_factory=Remembered, repr=False, compare=False, kw_only=True)

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n unseen architectures; fewer only if the space has no more."""
        n = min(n, self.space.size - len(history.seen))
        taken = set(history.seen)
        missing = min(n, max(0, self.initial - len(history)))
        proposals = [Proposal(a, {"origin": "random"}) for a in fresh(self.space, taken, missing, rng)]
        taken |= {proposal.architecture for proposal in proposals}
        known = History(history.trials[: max(len(history) // self.block * self.block, min(len(history), self.initial))])
        if len(proposals) < n and len(known.completed) >= 2:
            for rank, architecture in enumerate(self._ranked(known)):
                if architecture not in taken and len(proposals) < n:
                    proposals.append(Proposal(architecture, {"origin": "model", "rank": rank}))
                    taken.add(architecture)
        rest = fresh(self.space, taken, n - len(proposals), rng)
        return proposals + [Proposal(architecture, {"origin": "random"}) for architecture in rest]

    def _ranked(self, known: History) -> list[Architecture]:
        codes = self.space.codes([trial.architecture for trial in known.completed])
        values = self.objective.scores(known)
        seed = [*blake2b(codes.tobytes() + values.tobytes(), digest_size=8).digest()]
        return self._last.get(
            codes, values, compute=lambda: self.rank(codes, values, known, np.random.default_rng(seed))
        )

    @abstractmethod
    def rank(
        self, codes: np.ndarray, values: np.ndarray, known: History, rng: np.random.Generator
    ) -> list[Architecture]:
        """Candidates, the best first. codes: (n, S) of the completed trials. values: (n,), larger is better."""
