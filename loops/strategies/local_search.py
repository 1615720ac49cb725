"""Local search (White et al., 2021, *Exploring the Loss Landscape in Neural Architecture Search*)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from loops.history import History
from loops.objective import Objective
from loops.protocols import Proposal
from loops.strategies.fresh import fresh
from search_spaces import Architecture, SearchSpace


class LocalSearch:
    """Evaluates the neighbours of the best trial in random order, and moves on as soon as one is better.

    The variant, chosen so that it can be read off the history alone: after ``initial`` random architectures the centre
    is always the best completed trial that has a neighbour without a trial. A better neighbour becomes the centre at
    once (first improvement). Where the neighbourhood of a local optimum is exhausted, the search goes back to the next
    best trial.
    """

    name = "local-search"

    def __init__(self, space: SearchSpace, objective: Objective, initial: int = 10) -> None:
        if initial < 1:
            raise ValueError(f"initial must be at least 1, got {initial}")
        self.space = space
        self.objective = objective
        self.initial = initial
        # Local optima are looked at again in every proposal; what their neighbours are never changes.
        self._neighbours = lru_cache(maxsize=4096)(space.neighbours)

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n unseen architectures; fewer only if the space has no more."""
        n = min(n, self.space.size - len(history.seen))
        taken = set(history.seen)
        random_start = max(0, self.initial - len(history.completed) - len(history.pending))
        proposals = [
            Proposal(architecture, {"origin": "random"})
            for architecture in fresh(self.space, taken, min(n, random_start), rng)
        ]
        taken.update(proposal.architecture for proposal in proposals)
        for centre in self.objective.best(history, k=len(history.completed)):
            if len(proposals) == n:
                break
            neighbours = self._unseen_neighbours(centre.architecture, taken, rng)[: n - len(proposals)]
            proposals += [Proposal(a, {"origin": "neighbour", "parent": centre.index}) for a in neighbours]
            taken.update(neighbours)
        # Only failed trials, or a space whose known part has no way out by single steps: start anew.
        proposals += [Proposal(a, {"origin": "random"}) for a in fresh(self.space, taken, n - len(proposals), rng)]
        return proposals

    def _unseen_neighbours(
        self, architecture: Architecture, taken: set[Architecture], rng: np.random.Generator
    ) -> list[Architecture]:
        unseen = [other for other in self._neighbours(architecture) if other not in taken]
        return [unseen[int(i)] for i in rng.permutation(len(unseen))]
