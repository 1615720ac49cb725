"""Cells as graphs: nodes for what computes, edges for what it reads; the way from cells to codes and back."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from search_spaces.architecture import InvalidArchitectureError
from search_spaces.graph import ArchGraph
from search_spaces.nlp.architecture import NLPArchitecture
from search_spaces.nlp.cells import FIRST, MAX_NODES, MAX_STATES, OPERATIONS, Cell, Node, source_name

SOURCES = tuple(source_name(source) for source in range(FIRST))
NEW = tuple(f"new {name}" for name in SOURCES[1:])
# Edges have no order: that of what ``blend`` reads is a part of its operation. ``blend 021``: the first of the nodes
# that it reads is its a, the third its b and the second its c.
BLENDS = {f"blend {''.join(map(str, order))}": order for order in permutations(range(3))}
FREE_NAMES = (*(op for op in OPERATIONS if op != "blend"), *BLENDS)
OP_NAMES = (*SOURCES, *NEW, *FREE_NAMES, "absent")
ABSENT = OP_NAMES.index("absent")

# The first node after those of the cell, where the new values of the states are.
ENDS = FIRST + MAX_NODES
NUM_NODES = ENDS + MAX_STATES
PAIRS = tuple((i, j) for i in range(ENDS) for j in range(max(FIRST, i + 1), ENDS if i < FIRST else NUM_NODES))
PLACES = {pair: NUM_NODES + place for place, pair in enumerate(PAIRS)}


def code_of(architecture: NLPArchitecture) -> np.ndarray:
    """The code of an architecture: (S,) int64."""
    code = np.zeros(NUM_NODES + len(PAIRS), dtype=np.int64)
    code[:FIRST] = range(FIRST)
    code[FIRST:ENDS] = ABSENT
    code[ENDS:NUM_NODES] = range(FIRST, FIRST + MAX_STATES)
    for node, (op, sources) in enumerate(architecture.nodes, start=FIRST):
        if op == "blend":
            risen = sorted(sources)
            op = f"blend {''.join(str(risen.index(source)) for source in sources)}"
        code[node] = OP_NAMES.index(op)
        code[[PLACES[source, node] for source in sources]] = 1
    code[[PLACES[source, ENDS + state] for state, source in enumerate(architecture.states)]] = 1
    return code


def cell_of(graph: ArchGraph) -> Cell:
    """The cell of a graph that has the space's nodes and edges; raises InvalidArchitectureError.

    Absent nodes may be anywhere, and the nodes in any order.
    """
    reads = [np.flatnonzero(column).tolist() for column in graph.adjacency.T]
    present = [node for node in range(FIRST, ENDS) if graph.ops[node] != ABSENT]
    number = dict(enumerate(range(FIRST))) | {node: FIRST + place for place, node in enumerate(present)}
    for node in range(FIRST, ENDS):
        if node not in number and (reads[node] or graph.adjacency[node].any()):
            raise InvalidArchitectureError(f"node {node} of the graph is absent, and yet has edges")
    nodes = tuple(_node(OP_NAMES[graph.ops[node]], [number[source] for source in reads[node]]) for node in present)
    states = {source: state for state, source in enumerate(range(1, FIRST))}
    ends = []
    for source, state in states.items():
        found = reads[ENDS + state]
        if len(found) > 1 or not (found or state):
            raise InvalidArchitectureError(f"'{NEW[state]}' of the graph must be one node, not {len(found)}")
        if found:
            ends.append((source, number[found[0]]))
        elif graph.adjacency[source].any():
            raise InvalidArchitectureError(f"'{SOURCES[source]}' of the graph is read, and '{NEW[state]}' is no node")
    # Without the second state, the third is the second one.
    new = {old: place for place, (old, _) in enumerate(ends, start=1)}
    moved = tuple((op, tuple(new.get(one, one) if one < FIRST else one for one in read)) for op, read in nodes)
    return Cell(moved, tuple(source for _, source in ends))


def _node(op: str, sources: list[int]) -> Node:
    if op in BLENDS and len(sources) == 3:
        return "blend", tuple(sources[place] for place in BLENDS[op])
    return op.partition(" ")[0], tuple(sources)
