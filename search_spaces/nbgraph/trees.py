"""Trees of operations: networks that compute the same have one canonical tree, all others different ones.

A *tree* has one to four computing nodes, numbered from 1, each with an operation and one input: the network's raw input
(0) or an earlier node. Nodes that no other reads, the leaves, are the output, side by side.

A ``skip`` that other nodes read is left out, and they read what it reads. As a leaf it hands what it reads to the
output once more. So it is left out where nothing else reads that, for then what it reads is a leaf itself, and where
that is the raw input, which never is a part of the output. What remains are the trees that the benchmark tells apart:
there, each of them has a chain of skips before it, until it has four nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import permutations, product

import numpy as np

OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
SKIP = OPERATIONS.index("skip")
MAX_NODES = 4

# The input of each node, and the operation of each as an index into OPERATIONS.
Tree = tuple[tuple[int, ...], tuple[int, ...]]


@lru_cache(maxsize=100_000)
def fold(inputs: tuple[int, ...], ops: tuple[int, ...]) -> Tree:
    """The canonical tree of any tree; one without nodes where it is of skips alone.

    Of all orders in which nodes follow their inputs, it has that of the smallest inputs, and then operations.
    """
    while (node := next((n for n in range(1, len(ops) + 1) if _is_idle(n, inputs, ops)), None)) is not None:
        inputs, ops = _without(node, inputs, ops)
    smallest, orders = _orders(inputs)
    return smallest, min(tuple(ops[place] for place in order) for order in orders)


def pad(inputs: tuple[int, ...], ops: tuple[int, ...]) -> Tree:
    """The canonical tree as the benchmark has it: with a chain of skips before it, of four nodes in all."""
    skips = MAX_NODES - len(ops)
    return (*range(skips), *(source + skips for source in inputs)), (*(SKIP,) * skips, *ops)


def leaves(inputs: Sequence[int]) -> list[int]:
    """The nodes that no other reads."""
    return [node for node in range(1, len(inputs) + 1) if node not in inputs]


@dataclass(frozen=True)
class Pattern:
    """The canonical trees of the same inputs. ops: (n, m) int64, the operations of their m nodes, rising."""

    inputs: tuple[int, ...]
    ops: np.ndarray


@cache
def patterns(operations: tuple[int, ...]) -> tuple[Pattern, ...]:
    """All canonical trees of these operations, those of fewest nodes first."""
    found = []
    for count in range(1, MAX_NODES + 1):
        shapes = {_orders(inputs)[0] for inputs in product(*map(range, range(1, count + 1)))}
        ops = np.array(list(product(sorted(operations), repeat=count)))
        digits = len(OPERATIONS) ** np.arange(count)[::-1]
        for inputs in sorted(shapes):
            kept = np.ones(len(ops), dtype=bool)
            for node in range(1, count + 1):
                kept &= (ops[:, node - 1] != SKIP) | (not _is_idle(node, inputs, (SKIP,) * count))
            for order in _orders(inputs)[1]:
                kept &= ops @ digits <= ops[:, list(order)] @ digits
            if kept.any():
                found.append(Pattern(inputs, ops[kept]))
    return tuple(found)


def _is_idle(node: int, inputs: tuple[int, ...], ops: tuple[int, ...]) -> bool:
    """Whether a node is a skip without which the network computes the same."""
    source = inputs[node - 1]
    return ops[node - 1] == SKIP and (node in inputs or source == 0 or inputs.count(source) == 1)


def _without(node: int, inputs: tuple[int, ...], ops: tuple[int, ...]) -> Tree:
    """The tree without the node: what read it reads what it read."""
    joined = [inputs[node - 1] if source == node else source for source in inputs]
    kept = tuple(source - (source > node) for place, source in enumerate(joined, start=1) if place != node)
    return kept, ops[: node - 1] + ops[node:]


@cache
def _orders(inputs: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """The smallest inputs of a tree in any order of its nodes, and the orders that lead there.

    An order has, for each new place, the old one, both from 0.
    """
    found: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for order in permutations(range(len(inputs))):
        number = {0: 0} | {old + 1: new for new, old in enumerate(order, start=1)}
        moved = tuple(number[inputs[old]] for old in order)
        if all(source <= place for place, source in enumerate(moved)):
            found.setdefault(moved, []).append(order)
    smallest = min(found)
    return smallest, tuple(found[smallest])
