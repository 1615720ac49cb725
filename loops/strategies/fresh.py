"""Random architectures that nobody has asked for yet."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from search_spaces import Architecture, SearchSpace


def fresh(space: SearchSpace, taken: Collection[Architecture], n: int, rng: np.random.Generator) -> list[Architecture]:
    """n distinct architectures, uniform over those that are not ``taken``; fewer only if the space has no more."""
    wanted = min(n, space.size - len(taken))
    found: dict[Architecture, None] = {}
    while len(found) < wanted:
        # Rejection keeps the draw uniform; the batch grows as the space empties, so that the end comes soon.
        left = space.size - len(taken) - len(found)
        batch = min(1024, (wanted - len(found)) * max(1, space.size // left))
        for architecture in space.sample(batch, rng):
            if architecture not in taken and len(found) < wanted:
                found[architecture] = None
    return list(found)
