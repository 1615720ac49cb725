"""Cells as genes: the sites of the space, and the way from cells to codes and back.

Each node of a cell has a gene for its operation and three for its sources, and each state one for its new value. So
what a node reads is one choice of each gene, and whatever the operation has no use for is inactive.
"""

from __future__ import annotations

import numpy as np

from search_spaces.architecture import InvalidArchitectureError
from search_spaces.nlp.architecture import NLPArchitecture
from search_spaces.nlp.cells import ARITIES, FIRST, MAX_NODES, MAX_STATES, OPERATIONS, Cell, Node, source_name

# Sources by their numbers, then operations, then what an inactive gene says.
SOURCES = tuple(source_name(source) for source in range(FIRST + MAX_NODES))
OP_NAMES = (*SOURCES, *OPERATIONS, "absent")
FIRST_OP, ABSENT = len(SOURCES), len(OP_NAMES) - 1
MOST_SOURCES = 3
WIDTH = MOST_SOURCES + 1
# The first site of the states, behind those of the nodes.
ENDS = WIDTH * MAX_NODES
NUM_SITES = ENDS + MAX_STATES
NODE_NAMES = (
    *(f"{gene}_{node}" for node in range(1, MAX_NODES + 1) for gene in ("a", "b", "c", "op")),
    *(f"new_h{state}" for state in range(MAX_STATES)),
)


def allowed_classes() -> np.ndarray:
    """(S, K) bool: the classes of each site."""
    allowed = np.zeros((NUM_SITES, len(OP_NAMES)), dtype=bool)
    allowed[:, ABSENT] = True
    for place in range(MAX_NODES):
        first = WIDTH * place
        allowed[first : first + MOST_SOURCES, : FIRST + place] = True
        allowed[first + MOST_SOURCES, FIRST_OP:ABSENT] = True
    allowed[ENDS:, FIRST:FIRST_OP] = True
    # Each cell has a node, which reads something, and an output.
    allowed[[0, MOST_SOURCES, ENDS], ABSENT] = False
    return allowed


def adjacency() -> np.ndarray:
    """(S, S) bool: sources lead to operations, and operations to the states."""
    joined = np.zeros((NUM_SITES, NUM_SITES), dtype=bool)
    for place in range(MAX_NODES):
        first = WIDTH * place
        joined[first : first + MOST_SOURCES, first + MOST_SOURCES] = True
        joined[first + MOST_SOURCES, ENDS:] = True
    return joined


def code_of(architecture: NLPArchitecture) -> np.ndarray:
    """The code of an architecture: (S,) int64."""
    code = np.full(NUM_SITES, ABSENT, dtype=np.int64)
    for place, (op, sources) in enumerate(architecture.nodes):
        first = WIDTH * place
        code[first : first + len(sources)] = sources
        code[first + MOST_SOURCES] = FIRST_OP + OPERATIONS.index(op)
    code[ENDS : ENDS + len(architecture.states)] = architecture.states
    return code


def cell_of(code: np.ndarray) -> Cell:
    """The cell of a code (S,) of allowed classes; raises InvalidArchitectureError.

    Absent nodes may be anywhere, the sources of a node in any order, and inactive genes may say anything.
    """
    genes = code.tolist()
    present = [place for place in range(MAX_NODES) if genes[WIDTH * place + MOST_SOURCES] != ABSENT]
    ends = [(state, end) for state, end in enumerate(genes[ENDS:], start=1) if end != ABSENT]
    # Without the second state, the third is the second one.
    number = {0: 0} | {state: new for new, (state, _) in enumerate(ends, start=1)}
    number |= {FIRST + place: FIRST + new for new, place in enumerate(present)}
    nodes = [_node(genes, place, number) for place in present]
    lost = next((end for _, end in ends if end not in number), None)
    if lost is not None:
        raise InvalidArchitectureError(f"node {SOURCES[lost]} of the graph is absent, and yet becomes a state")
    return Cell(tuple(nodes), tuple(number[end] for _, end in ends))


def _node(genes: list[int], place: int, number: dict[int, int]) -> Node:
    first = WIDTH * place
    op = OPERATIONS[genes[first + MOST_SOURCES] - FIRST_OP]
    most = ARITIES[op][-1]
    read = [source for source in genes[first : first + most] if source != ABSENT]
    unknown = next((source for source in read if source not in number), None)
    if unknown is not None:
        what = "a state without a new value" if unknown < FIRST else "an absent node"
        raise InvalidArchitectureError(f"node {place + 1} of the graph reads {SOURCES[unknown]}, {what}")
    return op, tuple(number[source] for source in read)
