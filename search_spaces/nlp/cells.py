"""Recurrent cells: what makes one, and what of it counts.

A *cell* computes, at each token, new values of its one to three states, from the token's vector x and the states' old
values. Its nodes, in an order in which each follows what it reads, have operations. *Sources* are numbers: 0 is x, 1 to
3 are the old values of the states, and from FIRST on come the nodes. The first state is the cell's output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from search_spaces.architecture import InvalidArchitectureError

# How many sources each operation reads. Only the order of those of ``blend`` matters: it is a b + (1 - a) c.
ARITIES = {
    "linear": (2, 3),
    "sum": (2,),
    "prod": (2,),
    "blend": (3,),
    "tanh": (1,),
    "sigmoid": (1,),
    "leaky_relu": (1,),
}
OPERATIONS = tuple(ARITIES)
ACTIVATIONS = tuple(name for name, arity in ARITIES.items() if arity == (1,))
# The largest cell in the benchmark's logs has 15 nodes.
MAX_NODES, MAX_STATES = 15, 3
X, FIRST = 0, 1 + MAX_STATES

# An operation with its sources.
Node = tuple[str, tuple[int, ...]]


class Cell(NamedTuple):
    """The nodes, and the source that becomes the new value of each state."""

    nodes: tuple[Node, ...]
    states: tuple[int, ...]


def source_name(source: int) -> str:
    """``x``, ``h0`` to ``h2``, or the number of a node, from 1."""
    return "x" if source == X else f"h{source - 1}" if source < FIRST else str(source - FIRST + 1)


def node_fault(op: str, sources: Sequence[int], place: int) -> str | None:
    """What is wrong with the node at a place, from 0; None if nothing is."""
    if op not in ARITIES:
        return f"has the unknown operation '{op}'"
    if len(sources) not in ARITIES[op]:
        wanted = " or ".join(map(str, ARITIES[op]))
        return f"reads {len(sources)} sources, {op} reads {wanted}"
    if len(set(sources)) < len(sources):
        return "reads a source twice"
    if not all(0 <= source < FIRST + place for source in sources):
        return "reads what is no source before it"
    if X in sources and op != "linear":
        # Its width is that of a word's vector in the first layer, and not that of the states.
        return f"reads x, which only linear can, not {op}"
    return None


def prune(cell: Cell) -> Cell:
    """The cell without states that nothing reads, the first excepted, and without nodes that lead to none of the rest.

    Raises InvalidArchitectureError for what is no cell.
    """
    _check(cell)
    nodes, states = cell.nodes, list(enumerate(cell.states, start=1))
    while True:
        live = live_places(nodes, [source for _, source in states])
        read = {source for place in live for source in nodes[place][1]}
        kept = [(state, source) for state, source in states if state == 1 or state in read]
        if kept == states:
            break
        states = kept
    if X not in read:
        raise InvalidArchitectureError("no node that counts reads x")
    new = {X: X} | {state: number for number, (state, _) in enumerate(states, start=1)}
    new |= {FIRST + place: FIRST + number for number, place in enumerate(live)}
    unknown = next((source for source in sorted(read) if source not in new), None)
    if unknown is not None:
        raise InvalidArchitectureError(f"a node reads {source_name(unknown)}, a state that gets no new value")
    return Cell(
        tuple((nodes[place][0], tuple(new[source] for source in nodes[place][1])) for place in live),
        tuple(new[source] for _, source in states),
    )


def _check(cell: Cell) -> None:
    if not 1 <= len(cell.nodes) <= MAX_NODES or not 1 <= len(cell.states) <= MAX_STATES:
        raise InvalidArchitectureError(
            f"a cell has one to {MAX_NODES} nodes and one to {MAX_STATES} states, not {len(cell.nodes)} and "
            f"{len(cell.states)}"
        )
    for place, (op, sources) in enumerate(cell.nodes):
        fault = node_fault(op, sources, place)
        if fault is not None:
            raise InvalidArchitectureError(f"node {place + 1} of the cell {fault}")
    if len(set(cell.states)) < len(cell.states):
        raise InvalidArchitectureError("two states of the cell have the same node as their new value")
    if not all(FIRST <= source < FIRST + len(cell.nodes) for source in cell.states):
        raise InvalidArchitectureError("the new value of a state must be a node of the cell")


def live_places(nodes: Sequence[Node], ends: Sequence[int]) -> list[int]:
    """The places of the nodes that lead to these ones."""
    found = {source - FIRST for source in ends}
    for place in range(len(nodes) - 1, -1, -1):
        if place in found:
            found |= {source - FIRST for source in nodes[place][1] if source >= FIRST}
    return sorted(found)
