"""All architectures of the space, with their codes: what is drawn from, looked up and searched for the nearest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from search_spaces.architecture import Architecture
from search_spaces.nbgraph.architecture import NBGraphArchitecture
from search_spaces.nbgraph.trees import MAX_NODES, OPERATIONS, Pattern, leaves, patterns

INPUT, OUTPUT, FIRST_FREE = 0, 1, 2
LAST = MAX_NODES + 1
# Node 1 always reads the raw input, which the output never does.
SURE = (0, 1)
PAIRS = tuple((i, j) for i in range(LAST) for j in range(i + 1, LAST + 1) if (i, j) not in (SURE, (0, LAST)))
# What an infinite score counts for: sums with it must not turn into nan.
_LARGE = 1e9


class Listing(NamedTuple):
    """All architectures of some operations, those of fewest nodes first.

    codes: (n, S) int8. places: where each stands. rows: the same, by the bytes of its code. patterns: those of the
    trees, in the same order.
    """

    architectures: list[Architecture]
    codes: np.ndarray
    places: dict[Architecture, int]
    rows: dict[bytes, int]
    patterns: tuple[Pattern, ...]


@cache
def listing(operations: tuple[str, ...]) -> Listing:
    """Of these operations, worked out once in each process."""
    known = patterns(tuple(map(OPERATIONS.index, operations)))
    found: list[Architecture] = []
    codes = []
    for pattern in known:
        names = [[OPERATIONS[op] for op in row] for row in pattern.ops.tolist()]
        found += [NBGraphArchitecture(pattern.inputs, tuple(row)) for row in names]
        code = np.zeros((len(names), LAST + 1 + len(PAIRS)), dtype=np.int8)
        code[:, 1:LAST], code[:, LAST] = FIRST_FREE + len(operations), OUTPUT
        code[:, 1 : len(pattern.inputs) + 1] = [[FIRST_FREE + operations.index(name) for name in row] for row in names]
        edges = {*zip(pattern.inputs, range(1, LAST), strict=False), *((leaf, LAST) for leaf in leaves(pattern.inputs))}
        code[:, LAST + 1 :] = [pair in edges for pair in PAIRS]
        codes.append(code)
    joined = np.concatenate(codes)
    rows = {row.tobytes(): place for place, row in enumerate(joined)}
    return Listing(found, joined, {one: place for place, one in enumerate(found)}, rows, known)


def nearest(scores: np.ndarray, operations: Sequence[str]) -> list[Architecture]:
    """The architectures whose codes have the largest sum of scores, of equals the first listed: (B, S, K) -> B.

    The sum of one is that of its edges, which its whole pattern shares, and that of its operations.
    """
    listed = listing(tuple(operations))
    if not len(scores):
        return []
    scores = np.nan_to_num(np.asarray(scores, dtype=np.float64), posinf=_LARGE, neginf=-_LARGE)
    starts = np.cumsum([0, *(len(pattern.ops) for pattern in listed.patterns)])
    edges = listed.codes[starts[:-1], LAST + 1 :].astype(np.float64)
    off, on = scores[:, LAST + 1 :, 0], scores[:, LAST + 1 :, 1]
    by_pattern = off.sum(axis=1, keepdims=True) + (on - off) @ edges.T
    # The sums of all operations of the first nodes, with absent ones for the others.
    absent = FIRST_FREE + len(operations)
    own = [FIRST_FREE + operations.index(name) if name in operations else absent for name in OPERATIONS]
    sums = np.empty((len(scores), len(listed.codes)))
    labelled = np.zeros((len(scores), 1))
    for node in range(1, LAST):
        labelled = (labelled[:, :, None] + scores[:, node][:, None, own]).reshape(len(scores), -1)
        others = scores[:, node + 1 : LAST, absent].sum(axis=1, keepdims=True)
        digits = len(OPERATIONS) ** np.arange(node)[::-1]
        for place, pattern in enumerate(listed.patterns):
            if len(pattern.inputs) == node:
                found = labelled[:, pattern.ops @ digits] + others + by_pattern[:, place, None]
                sums[:, starts[place] : starts[place + 1]] = found
    return [listed.architectures[place] for place in sums.argmax(axis=1).tolist()]
