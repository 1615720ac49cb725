"""The first architectures of a search, before there is anything to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search_spaces import Architecture, SearchSpace

POOL_PER_POINT = 8


def space_filling(
    space: SearchSpace, chosen: Sequence[Architecture], n: int, rng: np.random.Generator
) -> list[Architecture]:
    """n architectures, each the one of a uniform random pool that is farthest from all before it.

    chosen: those that are there already. Distance is the number of sites, nodes and free edges, that differ
    (maximin design); fewer than n are returned only if the space has no more.
    """
    taken = list(chosen)
    found: list[Architecture] = []
    while len(found) < n and len(set(taken)) < space.size:
        seen = set(taken)
        pool = [candidate for candidate in space.sample(POOL_PER_POINT, rng) if candidate not in seen]
        if not pool:
            continue
        if taken:
            pool_codes, taken_codes = space.codes(pool), space.codes(taken)
            nearest = (pool_codes[:, None] != taken_codes[None]).sum(axis=-1).min(axis=1)
            best = pool[int(nearest.argmax())]
        else:
            best = pool[0]
        taken.append(best)
        found.append(best)
    return found
