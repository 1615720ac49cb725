"""The cells nearest to any scores."""

from __future__ import annotations

import numpy as np

from search_spaces.nb101.isomorphism import (
    FIRST_FREE,
    INPUT,
    LAST,
    NUM_NODES,
    OP_BITS,
    OUTPUT,
    PAIRS,
    PLACES,
    VALID,
    keys,
    patterns,
    prune,
)

# Rows whose scores are set against all patterns at once.
_BATCH = 256
# What an infinite score counts for: sums with it must not turn into nan.
_LARGE = 1e9


def nearest(scores: np.ndarray) -> np.ndarray:
    """The keys of the cells that stand for scores of sites, (B, 28, 6) -> (B,) int64: see ``NB101.project``."""
    ops = np.full((len(scores), NUM_NODES), INPUT)
    ops[:, LAST] = OUTPUT
    ops[:, 1:LAST] = scores[:, 1:LAST, FIRST_FREE:].argmax(axis=2) + FIRST_FREE
    adjacency = np.zeros((len(scores), NUM_NODES, NUM_NODES), dtype=bool)
    adjacency[:, *np.array(PAIRS).T] = scores[:, NUM_NODES:, 1] > scores[:, NUM_NODES:, 0]
    ops, adjacency, fault = prune(ops, adjacency)
    found = keys(ops, adjacency)
    wrong = np.flatnonzero(fault != VALID)
    for start in range(0, len(wrong), _BATCH):
        rows = wrong[start : start + _BATCH]
        found[rows] = _nearest_codes(scores[rows].astype(np.float64).clip(-_LARGE, _LARGE))
    return found


def _nearest_codes(scores: np.ndarray) -> np.ndarray:
    """The keys of the cells whose codes have the largest sum of scores: (B, 28, 6) -> (B,).

    The sum of a cell is that of its pattern of edges and that of its labelling, and the best labelling depends on
    nothing of the pattern but its symmetry: so all cells are compared at the price of the few thousand patterns.
    """
    p = patterns()
    bits = (p.edges[:, None] >> PLACES & 1).astype(np.float64)
    gain = scores[:, NUM_NODES:, 1] - scores[:, NUM_NODES:, 0]
    sums = gain @ bits.T

    labelled = np.zeros((len(scores), 1))
    for node in range(1, LAST):
        labelled = (labelled[:, :, None] + scores[:, node, None, FIRST_FREE:]).reshape(len(scores), -1)
    best = [labelled[:, codes] for codes in p.labellings]
    choice = np.stack([values.argmax(axis=1) for values in best], axis=1)
    sums += np.stack([values.max(axis=1) for values in best], axis=1)[:, p.symmetry]

    pattern = sums.argmax(axis=1)
    symmetry = p.symmetry[pattern]
    chosen = choice[np.arange(len(scores)), symmetry]
    labels = [p.labellings[s][c] for s, c in zip(symmetry.tolist(), chosen.tolist(), strict=True)]
    return p.edges[pattern] << OP_BITS | np.array(labels, dtype=np.int64)
