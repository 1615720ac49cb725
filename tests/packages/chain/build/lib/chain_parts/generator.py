"""A generator."""

from __future__ import annotations

import numpy as np

from loops.protocols import Guidance
from search_spaces import Architecture, SearchSpace


class Climbing:
    """Climbs from the best architectures to their best neighbours, as long as that is up."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """n uniform architectures."""
        return self.space.sample(n, rng)

    def guided_sample(
        self, guidance: Guidance, rng: np.random.Generator, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """All that was seen on the way: (M, S) codes and (M,) values, best first."""
        codes = np.unique(np.concatenate([starts, self.space.codes(self.sample(20, rng))]), axis=0)
        values = guidance(codes)
        while True:
            best = self.space.nearest(codes[[values.argmax()]])[0]
            around = self.space.codes(self.space.neighbours(best))
            more = np.unique(np.concatenate([codes, around]), axis=0)
            found = guidance(more)
            if found.max() <= values.max():
                order = np.argsort(-found, kind="stable")
                return more[order], found[order]
            codes, values = more, found
