"""The trees one edit away from a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from search_spaces.nbgraph.trees import MAX_NODES, SKIP, Tree, fold


def neighbour_trees(tree: Tree, operations: Sequence[int]) -> list[Tree]:
    """The canonical trees of the neighbours, sorted: see ``NBGraph.neighbours``. operations: those of the space."""
    found: set[Tree] = set()
    for inputs, ops in _grown(tree):
        for node in range(1, MAX_NODES + 1):
            for op in operations:
                found.add(fold(inputs, (*ops[: node - 1], op, *ops[node:])))
            below = _below(node, inputs)
            for source in range(MAX_NODES + 1):
                if source not in below:
                    found.add(fold(*_moved(node, source, inputs, ops)))
    return sorted((other for other in found if other[1] and other != tree), key=lambda one: (len(one[1]), one))


def _grown(tree: Tree) -> set[Tree]:
    """The trees of four nodes that a tree is the canonical one of, each in one order of its nodes."""
    level = {tree}
    for _ in range(MAX_NODES - len(tree[1])):
        level = {one for smaller in level for one in _with_a_skip(*smaller) if fold(*one) == tree}
    return level


def _with_a_skip(inputs: tuple[int, ...], ops: tuple[int, ...]) -> Iterator[Tree]:
    """The trees with one more skip somewhere: a leaf, or between a node and any of those that read it."""
    for source in range(len(ops) + 1):
        readers = [node for node, read in enumerate(inputs, start=1) if read == source]
        for count in range(len(readers) + 1):
            for taken in combinations(readers, count):
                new = len(ops) + 1
                yield _ordered([new if node in taken else read for node, read in enumerate(inputs, 1)], source, ops)


def _ordered(inputs: list[int], source: int, ops: tuple[int, ...]) -> Tree:
    """The tree to which a skip that reads ``source`` is added at the end, with each node after what it reads."""
    return _sorted([*inputs, source], (*ops, SKIP))


def _moved(node: int, source: int, inputs: tuple[int, ...], ops: tuple[int, ...]) -> Tree:
    """The tree in which a node reads another one, with each node after what it reads."""
    return _sorted([*inputs[: node - 1], source, *inputs[node:]], ops)


def _sorted(inputs: Sequence[int], ops: tuple[int, ...]) -> Tree:
    order: list[int] = []
    while len(order) < len(ops):
        ready = {0, *order}
        order += [n for n in range(1, len(ops) + 1) if n not in ready and inputs[n - 1] in ready]
    number = {0: 0} | {old: new for new, old in enumerate(order, start=1)}
    return tuple(number[inputs[old - 1]] for old in order), tuple(ops[old - 1] for old in order)


def _below(node: int, inputs: Sequence[int]) -> set[int]:
    """The node, and all that reads it over however many others."""
    found = {node}
    for other in range(node + 1, len(inputs) + 1):
        if inputs[other - 1] in found:
            found.add(other)
    return found
