"""Cells as genes: the sites of the space, and the way from cells to codes and back.

Each node of a cell has a gene for its operation and three for its sources, and each state one for its new value.
Sources are x, the old values of the states, and the nodes before, counted backwards; the second source is counted among
those that the first has left, and the third among the rest. A state is there if it is read; its new value is a node,
counted backwards from the last one among those that no earlier state has taken. Who counts beyond the end begins anew.
Where x is read by what cannot read it, the first source stands in for it that is not read yet; where nothing that
counts reads x, the first linear map does, in place of its first source. So most codes are those of a cell, as in
SELFIES (Krenn et al., 2020), where every text is that of a molecule; one code of each cell is its canonical one. Genes
that an operation has no use for are inactive, and of their first class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search_spaces.architecture import InvalidArchitectureError
from search_spaces.nlp.architecture import NLPArchitecture
from search_spaces.nlp.cells import (
    ARITIES,
    FIRST,
    MAX_NODES,
    MAX_STATES,
    OPERATIONS,
    Cell,
    Node,
    X,
    live_places,
    source_name,
)

SOURCES = (*(source_name(source) for source in range(FIRST)), *(f"{back} back" for back in range(1, MAX_NODES + 1)))
# A linear map of three sources is an operation of its own here.
THREE = "linear of three"
OPS = (*OPERATIONS, THREE)
OP_NAMES = (*SOURCES, *OPS, "absent")
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
    for place in range(MAX_NODES):
        first = WIDTH * place
        for role in range(MOST_SOURCES):
            allowed[first + role, : FIRST + place - role] = True
        allowed[first + MOST_SOURCES, FIRST_OP:] = True
    for state in range(MAX_STATES):
        allowed[ENDS + state, FIRST : FIRST_OP - state] = True
    # Each cell has a node, which the first one is.
    allowed[MOST_SOURCES, ABSENT] = False
    return allowed


def adjacency() -> np.ndarray:
    """(S, S) bool: sources lead to one another and to operations, and operations to the states."""
    joined = np.zeros((NUM_SITES, NUM_SITES), dtype=bool)
    for place in range(MAX_NODES):
        own = slice(WIDTH * place, WIDTH * (place + 1))
        joined[own, own] = np.triu(np.ones((WIDTH, WIDTH), dtype=bool), 1)
        joined[WIDTH * place + MOST_SOURCES, ENDS:] = True
    return joined


def active_sources(op: str) -> int:
    """How many sources the operation of a gene reads."""
    return 3 if op == THREE else ARITIES[op][0]


def code_of(architecture: NLPArchitecture) -> np.ndarray:
    """The code of an architecture: (S,) int64."""
    code = np.zeros(NUM_SITES, dtype=np.int64)
    code[MOST_SOURCES:ENDS:WIDTH] = ABSENT
    code[ENDS:] = FIRST
    for place, (op, sources) in enumerate(architecture.nodes):
        seen = [_back(source, place) if source >= FIRST else source for source in sources]
        seen = seen if op == "blend" else sorted(seen)
        code[WIDTH * place : WIDTH * place + len(seen)] = among_the_rest(seen)
        name = THREE if op == "linear" and len(seen) == MOST_SOURCES else op
        code[WIDTH * place + MOST_SOURCES] = FIRST_OP + OPS.index(name)
    ends = [_back(source, len(architecture.nodes)) - FIRST for source in architecture.states]
    code[ENDS : ENDS + len(ends)] += among_the_rest(ends)
    return code


def cell_of(genes: Sequence[int]) -> Cell:
    """The cell of a code (S,) of allowed classes; raises InvalidArchitectureError.

    Absent nodes may be anywhere, the sources of a node in any order, and inactive genes may say anything.
    """
    present = [place for place in range(MAX_NODES) if genes[WIDTH * place + MOST_SOURCES] != ABSENT]
    nodes = [_node(genes[WIDTH * place : WIDTH * (place + 1)], number) for number, place in enumerate(present)]
    ends = [gene - FIRST for gene in genes[ENDS:]]
    cell = cell_with_states(nodes, ends)
    live = live_places(cell.nodes, cell.states)
    if all(X not in nodes[place][1] for place in live):
        first = next((place for place in live if nodes[place][0] == "linear"), None)
        if first is not None:
            nodes[first] = ("linear", (X, *nodes[first][1][1:]))
            return cell_with_states(nodes, ends)
    return cell


def cell_with_states(nodes: Sequence[Node], genes: Sequence[int]) -> Cell:
    """The cell of these nodes with the states that they read; genes: of the states, from 0 for the last node."""
    read = {source for _, sources in nodes for source in sources}
    there = [state for state in range(1, FIRST) if state == 1 or state in read]
    # Without the second state, the third is the second one.
    new = {state: number for number, state in enumerate(there, start=1)}
    if len(nodes) < len(there):
        raise InvalidArchitectureError(f"a cell of {len(nodes)} nodes cannot have {len(there)} states")
    backs = from_the_rest([genes[state - 1] % (len(nodes) - taken) for taken, state in enumerate(there)])
    moved = tuple((op, tuple(new.get(source, source) for source in sources)) for op, sources in nodes)
    return Cell(moved, tuple(FIRST + len(nodes) - 1 - back for back in backs))


def _node(genes: Sequence[int], place: int) -> Node:
    name = OPS[genes[MOST_SOURCES] - FIRST_OP]
    counted = [gene % (FIRST + place - role) for role, gene in enumerate(genes[: active_sources(name)])]
    classes = from_the_rest(counted)
    if X in classes and name not in ("linear", THREE):
        left = next(choice for choice in range(X + 1, FIRST + place) if choice not in classes)
        classes = [left if choice == X else choice for choice in classes]
    return "linear" if name == THREE else name, tuple(source_of(one, place) for one in classes)


def source_of(choice: int, place: int) -> int:
    """The source that a class stands for at a place."""
    return choice if choice < FIRST else _back(choice, place)


def _back(number: int, place: int) -> int:
    """From a node's number to how far back it is, both from FIRST, and the other way round."""
    return 2 * FIRST + place - 1 - number


def among_the_rest(choices: Sequence[int]) -> list[int]:
    """Distinct choices, each counted among those that the ones before it have left."""
    return [choice - sum(other < choice for other in choices[:place]) for place, choice in enumerate(choices)]


def from_the_rest(counted: Sequence[int]) -> list[int]:
    """The inverse of ``among_the_rest``."""
    found: list[int] = []
    for choice in counted:
        for taken in sorted(found):
            choice += taken <= choice
        found.append(choice)
    return found
