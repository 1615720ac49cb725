"""Architectures a few genes away from others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from search_spaces import Architecture, SearchSpace

REMEMBERED = 4096


class Mutation:
    """Mutates architectures of a space; remembers what the neighbours of the last ones are, which never changes."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._neighbours = lru_cache(maxsize=REMEMBERED)(self._find_neighbours)

    def many(
        self, parents: Sequence[Architecture], changes: np.ndarray, rng: np.random.Generator
    ) -> list[Architecture]:
        """One mutant of each parent, (n,) ``changes`` genes away at most.

        One change: a neighbour, drawn uniformly. More: what so many neighbours have that the parent has not, laid over
        one another, and repaired by the space.
        """
        own = self.space.codes(parents)
        codes = own.copy()
        for row, (parent, steps) in enumerate(zip(parents, changes.tolist(), strict=True)):
            neighbours = self._neighbours(parent)
            for step in range(steps if len(neighbours) else 0):
                towards = neighbours[int(rng.integers(len(neighbours)))]
                codes[row] = towards if step == 0 else np.where(towards != own[row], towards, codes[row])
        return self.space.nearest(codes) if len(codes) else []

    def rates(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """How many genes change if each of the F free sites does so with probability 1 / (F - 2), and one at least.

        (n,). The rate that the authors of BANANAS (White et al., 2021) use for cells of every benchmark.
        """
        free = int((self.space.fixed_ops < 0).sum()) + len(self.space.free_edges)
        return np.maximum(rng.binomial(free, 1 / max(free - 2, 2), size=n), 1)

    def _find_neighbours(self, architecture: Architecture) -> np.ndarray:
        return self.space.codes(self.space.neighbours(architecture))
