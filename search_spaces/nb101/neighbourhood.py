"""The cells one edit away from a cell."""

from __future__ import annotations

from functools import cache
from itertools import chain, combinations, product

import numpy as np

from search_spaces.nb101.isomorphism import (
    ABSENT,
    FIRST_FREE,
    LAST,
    NUM_INNER,
    NUM_NODES,
    PAIRS,
    VALID,
    graphs,
    keys,
    prune,
)


def neighbour_keys(key: int) -> np.ndarray:
    """The keys of the neighbours of a cell, rising: see ``NB101.neighbours``."""
    (ops,), (bits,) = graphs(np.array([key]))
    adjacency = np.zeros((NUM_NODES, NUM_NODES), dtype=bool)
    adjacency[tuple(np.array(PAIRS).T)] = bits
    inner = int((ops[1:LAST] != ABSENT).sum())

    relabelled = _relabel(ops, inner)
    arcs = _arcs(inner)
    grown_ops, grown_adjacency = _grown(inner)
    edited_ops = np.concatenate(
        [relabelled, np.tile(ops, (len(arcs), 1)), np.where(grown_ops == ABSENT, ops, grown_ops)]
    )
    edited = np.concatenate(
        [np.tile(adjacency, (len(relabelled), 1, 1)), adjacency ^ arcs, adjacency | grown_adjacency]
    )
    edited_ops, edited, fault = prune(edited_ops, edited)
    kept = (edited_ops[:, 1:LAST] != ABSENT).sum(axis=1)
    near = (fault == VALID) & (kept >= inner - 1)
    found = keys(edited_ops[near], edited[near])
    return np.setdiff1d(found, [-1, key])


def _relabel(ops: np.ndarray, inner: int) -> np.ndarray:
    """The operations with one of them changed: (M, 7)."""
    changed = [(node, op) for node in range(1, inner + 1) for op in range(FIRST_FREE, ABSENT) if op != ops[node]]
    rows = np.tile(ops, (len(changed), 1))
    for row, (node, op) in zip(rows, changed, strict=True):
        row[node] = op
    return rows


@cache
def _arcs(inner: int) -> np.ndarray:
    """Every edge that such a cell can gain or lose, in either direction: (M, 7, 7) bool."""
    nodes = range(1, inner + 1)
    return _adjacencies([[(i, j)] for i, j in product([0, *nodes], [*nodes, LAST]) if i != j])


@cache
def _grown(inner: int) -> tuple[np.ndarray, np.ndarray]:
    """Every new node after the inner ones that hangs on one edge, from or to it: its (M, 7) operation, its edges."""
    if inner == NUM_INNER:
        return np.empty((0, NUM_NODES), dtype=np.int64), np.empty((0, NUM_NODES, NUM_NODES), dtype=bool)
    new = inner + 1
    tails, heads = range(inner + 1), [*range(1, inner + 1), LAST]
    edges = [
        [*((i, new) for i in before), *((new, j) for j in after)]
        for before, after in product(_subsets(tails), _subsets(heads))
        if len(before) == 1 or len(after) == 1
    ]
    ops = np.full((3 * len(edges), NUM_NODES), ABSENT)
    ops[:, new] = np.repeat(np.arange(FIRST_FREE, ABSENT), len(edges))
    return ops, np.tile(_adjacencies(edges), (3, 1, 1))


def _subsets(nodes: range | list[int]) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(nodes, count) for count in range(1, len(nodes) + 1)))


def _adjacencies(edges: list[list[tuple[int, int]]]) -> np.ndarray:
    adjacency = np.zeros((len(edges), NUM_NODES, NUM_NODES), dtype=bool)
    for row, pairs in zip(adjacency, edges, strict=True):
        row[tuple(np.array(pairs).T)] = True
    return adjacency
