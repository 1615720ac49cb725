"""The first architectures of a search, before there is anything to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from search_spaces import Architecture, SearchSpace

POOL_PER_POINT = 8
STARTS, FEW_STARTS = 512, 8
# Around the most expensive architecture; two already make hundreds to thousands.
STEPS = 2


def first_design(
    space: SearchSpace, chosen: Sequence[Architecture], n: int, rng: np.random.Generator
) -> list[Architecture]:
    """n architectures: the most expensive one, unless something is ``chosen`` already, then a space-filling design.

    Capacity is the strongest trend that is known beforehand, and its far end tells most about it (as in D-optimal
    designs, the points at the ends have the leverage). A space that counts no costs is filled alone.
    """
    if n == 0 or len(chosen) > 0 or not space.counts:
        return space_filling(space, chosen, n, rng)
    first = most_expensive(space)
    return [first, *space_filling(space, [first], n - 1, rng)]


def front_design(
    space: SearchSpace, chosen: Sequence[Architecture], n: int, rng: np.random.Generator
) -> list[Architecture]:
    """As ``first_design``, but the most expensive architecture comes second.

    For several goals: it is an end of many fronts, and an end alone dominates next to nothing. A space that counts no
    costs is filled alone.
    """
    place = 1 - len(chosen)
    if not 0 <= place < n or not space.counts:
        return space_filling(space, chosen, n, rng)
    first, end = space_filling(space, chosen, place, rng), most_expensive(space)
    if end in [*chosen, *first]:
        return first + space_filling(space, [*chosen, *first], n - place, rng)
    return [*first, end, *space_filling(space, [*chosen, *first, end], n - place - 1, rng)]


def crowded_design(
    space: SearchSpace, chosen: Sequence[Architecture], n: int, rng: np.random.Generator
) -> list[Architecture]:
    """n more architectures for many evaluations at once, while those of ``first_design`` run and hardly one has ended.

    Every other one fills the space; between them are neighbours of the most expensive architecture, and when there are
    no more, architectures two steps from it. As the axial points of a composite design (Box and Wilson, 1951), the
    neighbours tell the effect of every single change, and they lie where the best architectures are likely to be. A
    space that counts no costs is filled alone.
    """
    taken = list(chosen)
    while len(taken) < len(chosen) + n and len(set(taken)) < space.size:
        near = _near_the_most_expensive(space, taken, rng) if len(taken) % 2 and space.counts else None
        taken += [near] if near is not None else space_filling(space, taken, 1, rng)
    return taken[len(chosen) :]


def _near_the_most_expensive(
    space: SearchSpace, taken: Sequence[Architecture], rng: np.random.Generator
) -> Architecture | None:
    """One that is not taken and as few steps as possible from the most expensive one, at random; None beyond two."""
    seen, level = set(taken), [most_expensive(space)]
    known = set(level)
    for _ in range(STEPS):
        neighbours = dict.fromkeys(other for one in level for other in space.neighbours(one) if other not in known)
        new = [other for other in neighbours if other not in seen]
        if new:
            return new[int(rng.integers(len(new)))]
        known |= neighbours.keys()
        level = list(neighbours)
    return None


@lru_cache(maxsize=8)
def most_expensive(space: SearchSpace) -> Architecture:
    """The architecture of the most MACs, by coordinate ascent over the sites, from the best of random ones.

    Exact where every site adds MACs of its own, else a local optimum.
    """
    starts = space.sample(FEW_STARTS if space.counts_by_building else STARTS, np.random.default_rng(0))
    best = max(starts, key=lambda architecture: space.costs(architecture).macs)
    improved = True
    while improved:
        improved = False
        for site, classes in enumerate(space.site_classes):
            code = space.codes([best])[0]
            others = np.repeat(code[None], classes, axis=0)
            others[:, site] = np.arange(classes)
            for other in space.nearest(others):
                if space.costs(other).macs > space.costs(best).macs:
                    best, improved = other, True
    return best


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
