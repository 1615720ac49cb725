"""Cells as numbers: graphs that differ only in the order of their nodes have the same key, all others different ones.

A *key* is the pair (edges, operations) of a cell, written as one integer. The edges are a bit for each pair i < j of
the seven nodes, at place i + j (j - 1) / 2; the operations are a digit of two bits for each inner node, that of the
first node highest. Of all orders of the inner nodes in which edges run forward, a cell is kept in that of the smallest
key. So did the benchmark's authors, who went through all edges and operations by rising key and kept the first cell of
each kind: the order decides which nodes are a channel wider than others, and thus how many parameters a network has.
Absent nodes stand last then, because an edge from a late node to the output weighs more than any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations, product

import numpy as np

OP_NAMES = ("input", "output", "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "absent")
INPUT, OUTPUT, FIRST_FREE = 0, 1, 2
ABSENT = OP_NAMES.index("absent")
FREE_NAMES = OP_NAMES[FIRST_FREE:ABSENT]

NUM_NODES = 7
NUM_INNER = NUM_NODES - 2
LAST = NUM_NODES - 1
MAX_EDGES = 9
PAIRS = tuple(combinations(range(NUM_NODES), 2))
# The place of each pair in the bits of a key.
PLACES = np.array([i + j * (j - 1) // 2 for i, j in PAIRS])
OP_BITS = 2 * NUM_INNER

# Every edge that some order of the nodes allows: 31 bits, four bytes.
_ARCS = tuple((i, j) for i, j in product(range(LAST), range(1, NUM_NODES)) if i != j)
_TAILS, _HEADS = np.array(_ARCS).T
_BACKWARD = np.uint32(1 << 31)
# Rows whose keys are sought at once; their intermediate results stay in the processor's cache.
_BATCH = 2048

VALID, NO_PATH, ABSENT_ON_PATH, TOO_MANY_EDGES = range(4)


def prune(ops: np.ndarray, adjacency: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take away all that is on no path from input to output.

    ops: (B, 7) int64, adjacency: (B, 7, 7) bool, nodes in any order but input first and output last.
    Returns the same, with absent nodes for those taken away, and (B,) what is wrong with each, or VALID.
    """
    forward = np.zeros(ops.shape, dtype=bool)
    backward = forward.copy()
    forward[:, 0] = backward[:, LAST] = True
    for _ in range(LAST):
        forward |= (forward[:, :, None] & adjacency).any(axis=1)
        backward |= (backward[:, None, :] & adjacency).any(axis=2)
    used = forward & backward
    kept = adjacency & used[:, :, None] & used[:, None, :]
    fault = np.select(
        [~used[:, 0], (used & (ops == ABSENT)).any(axis=1), kept.sum(axis=(1, 2)) > MAX_EDGES],
        [NO_PATH, ABSENT_ON_PATH, TOO_MANY_EDGES],
        VALID,
    )
    ends = np.arange(NUM_NODES) % LAST == 0
    return np.where(used | ends, ops, ABSENT), kept, fault


def keys(ops: np.ndarray, adjacency: np.ndarray) -> np.ndarray:
    """The keys of pruned graphs in any order of their inner nodes: (B,) int64, or -1 for one with a cycle.

    ops: (B, 7) int64, adjacency: (B, 7, 7) bool.
    """
    arc_table, op_table = _tables()
    arcs = np.packbits(adjacency[:, _TAILS, _HEADS], axis=1)
    digits = op_codes(ops)
    found = np.empty(len(ops), dtype=np.int64)
    for start in range(0, len(ops), _BATCH):
        rows = slice(start, start + _BATCH)
        orders = op_table[digits[rows]]
        for byte in range(4):
            orders |= arc_table[byte, arcs[rows, byte]]
        found[rows] = orders.min(axis=1)
    return np.where(found < _BACKWARD, found, -1)


def op_codes(ops: np.ndarray) -> np.ndarray:
    """The part of a key that tells operations: (B, 7) int64 -> (B,) int64."""
    return (ops[:, 1:LAST] - FIRST_FREE) @ (4 ** np.arange(NUM_INNER)[::-1])


def graphs(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The graphs of keys: (B,) -> operations (B, 7) int64 and bits of the 21 PAIRS, (B, 21) int64 of 0 and 1."""
    keys = np.asarray(keys, dtype=np.int64)[:, None]
    ops = np.empty((len(keys), NUM_NODES), dtype=np.int64)
    ops[:, 0], ops[:, LAST] = INPUT, OUTPUT
    ops[:, 1:LAST] = (keys >> np.arange(OP_BITS - 2, -1, -2) & 3) + FIRST_FREE
    return ops, keys >> (OP_BITS + PLACES) & 1


@dataclass(frozen=True)
class Patterns:
    """The cells, factored: each is a pattern of edges with one of the labellings of the pattern's symmetry.

    edges: (P,) int64, the bits of the patterns, rising. symmetry: (P,) int64, which of the ``labellings`` each has.
    labellings: the operations' parts of the keys, rising, one array for every symmetry.
    """

    edges: np.ndarray
    symmetry: np.ndarray
    labellings: tuple[np.ndarray, ...]


@cache
def patterns() -> Patterns:
    """All patterns, worked out once in each process."""
    arc_table, op_table = _tables()
    full = np.concatenate([_full_graphs(inner) for inner in range(NUM_INNER + 1)])
    adjacency = np.zeros((len(full), NUM_NODES, NUM_NODES), dtype=bool)
    adjacency[:, *np.array(PAIRS).T] = full[:, None] >> PLACES & 1
    arcs = np.packbits(adjacency[:, _TAILS, _HEADS], axis=1)
    orders = np.bitwise_or.reduce([arc_table[byte, arcs[:, byte]] for byte in range(4)]) >> OP_BITS
    first = orders.min(axis=1) == full
    full, orders, adjacency = full[first], orders[first], adjacency[first]
    rising = np.argsort(full)
    full, orders = full[rising], orders[rising]
    inner = adjacency[rising].any(axis=1)[:, 1:LAST].sum(axis=1)

    kinds, symmetry = np.unique(np.column_stack([inner, orders == full[:, None]]), axis=0, return_inverse=True)
    labellings = []
    for count, *same in kinds:
        ops = np.full((len(FREE_NAMES) ** count, NUM_NODES), ABSENT)
        ops[:, 1 : count + 1] = list(product(range(FIRST_FREE, ABSENT), repeat=count))
        codes = op_codes(ops)
        labellings.append(codes[op_table[codes][:, np.array(same, dtype=bool)].min(axis=1) == codes])
    return Patterns(full, symmetry.reshape(-1), tuple(labellings))


@cache
def all_keys() -> np.ndarray:
    """The keys of all cells, rising: (423624,) int64."""
    p = patterns()
    found = np.concatenate(
        [e << OP_BITS | p.labellings[s] for e, s in zip(p.edges.tolist(), p.symmetry.tolist(), strict=True)]
    )
    found.setflags(write=False)
    return found


def _full_graphs(inner: int) -> np.ndarray:
    """The bits of every graph of so many inner nodes, all of them on a path, with at most MAX_EDGES edges."""
    nodes = [*range(inner + 1), LAST]
    places = {pair: place for pair, place in zip(PAIRS, PLACES.tolist(), strict=True)}
    # The first inner node can only hang on the input, and only the output can follow the last one.
    sure = {(0, nodes[1]), (nodes[-2], LAST)}
    found = np.array([sum(1 << places[pair] for pair in sure)])
    for pair in combinations(nodes, 2):
        if pair not in sure:
            found = np.concatenate([found, found | 1 << places[pair]])
            found = found[np.bitwise_count(found) <= MAX_EDGES]
    for node in nodes:
        entering = sum(1 << places[i, node] for i in nodes if i < node)
        leaving = sum(1 << places[node, j] for j in nodes if j > node)
        if node > 0:
            found = found[found & entering != 0]
        if node < LAST:
            found = found[found & leaving != 0]
    return found


@cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """What each of the 120 orders of the inner nodes makes of a graph, in pieces that are joined by "or".

    Returns (4, 256, 120) uint32 for each byte of the arcs, and (1024, 120) uint32 for the operations.
    """
    orders = np.array([(0, *order, LAST) for order in permutations(range(1, LAST))])
    tails, heads = orders[:, _TAILS], orders[:, _HEADS]
    places = tails + heads * (heads - 1) // 2 + OP_BITS
    moved = np.where(tails < heads, np.uint32(1) << places.astype(np.uint32), _BACKWARD)
    moved = np.concatenate([moved, np.zeros((len(orders), 1), dtype=np.uint32)], axis=1).reshape(-1, 4, 8)
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(bool)
    arc_table = np.bitwise_or.reduce(np.where(bits[:, None, None], moved, np.uint32(0)), axis=3).transpose(2, 0, 1)

    shift = 2 * np.arange(NUM_INNER)[::-1]
    digits = np.arange(1 << OP_BITS)[:, None] >> shift & 3
    moved_digits = digits[:, None] << shift[orders[:, 1:LAST] - 1]
    return np.ascontiguousarray(arc_table), moved_digits.sum(axis=2).astype(np.uint32)
