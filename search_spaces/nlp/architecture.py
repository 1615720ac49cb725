"""An architecture of NAS-Bench-NLP: a recurrent cell, whatever the order of its nodes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from search_spaces.architecture import Architecture, InvalidArchitectureError
from search_spaces.near_miss import suggestion
from search_spaces.nlp.cells import FIRST, MAX_NODES, MAX_STATES, OPERATIONS, Cell, Node, node_fault, prune, source_name
from search_spaces.nlp.isomorphism import canonical

_STATE = re.compile(r"h([0-2])")


@dataclass(frozen=True, slots=True, repr=False)
class NLPArchitecture(Architecture):
    """A canonical cell (``search_spaces.nlp.isomorphism``); ``of`` makes one of any cell.

    nodes: the operation of each node with its sources. states: the source that becomes each state's new value. Sources
    are counted as in ``search_spaces.nlp.cells``.
    """

    drawn_by = "nlp"

    nodes: tuple[Node, ...]
    states: tuple[int, ...]

    def __post_init__(self) -> None:
        cell = Cell(self.nodes, self.states)
        if canonical(prune(cell)) != cell:
            raise InvalidArchitectureError(f"'{self}' is not in canonical order; NLPArchitecture.of makes it so")

    @classmethod
    def of(cls, cell: Cell) -> NLPArchitecture:
        """That of a cell in any order, with nodes and states that do not count; raises InvalidArchitectureError."""
        made = object.__new__(cls)
        # What is canonical needs not be looked at again.
        for name, value in canonical(prune(cell))._asdict().items():
            object.__setattr__(made, name, value)
        return made

    def __str__(self) -> str:
        nodes = [f"{op}~{'+'.join(map(source_name, sources))}" for op, sources in self.nodes]
        states = [f"h{state}~{source_name(source)}" for state, source in enumerate(self.states)]
        return "|".join((*nodes, *states))


def read_cell(text: str) -> NLPArchitecture:
    """The architecture of a text as ``str`` writes it, in any order that runs forward; raises InvalidArchitectureError.

    ``linear~x+h0|tanh~1|h0~2``: each node's operation and what it reads, then the node that becomes each state.
    """
    parts = [part.partition("~") for part in text.strip().split("|")]
    count = next((place for place, (name, _, _) in enumerate(parts) if _STATE.fullmatch(name)), len(parts))
    ends = parts[count:]
    if not 1 <= count <= MAX_NODES or not 1 <= len(ends) <= MAX_STATES:
        raise InvalidArchitectureError(
            f"'{text}' must have one to {MAX_NODES} nodes between bars, and after them h0~N, and h1~N and h2~N where "
            f"there are more states, not {count} and {len(ends)}"
        )
    nodes = tuple(_node(place, *part) for place, part in enumerate(parts[:count]))
    for state, (name, _, source) in enumerate(ends):
        if name != f"h{state}" or source not in map(str, range(1, count + 1)):
            raise InvalidArchitectureError(
                f"part {count + state + 1}, '{name}~{source}', must be h{state}~N with the number of a node, of "
                f"1 to {count}"
            )
    return NLPArchitecture.of(Cell(nodes, tuple(FIRST - 1 + int(source) for _, _, source in ends)))


def _node(place: int, op: str, tilde: str, read: str) -> Node:
    part = f"node {place + 1}, '{op}{tilde}{read}',"
    if op not in OPERATIONS:
        raise InvalidArchitectureError(f"{part} has the unknown operation '{op}': {suggestion(op, OPERATIONS)}")
    known = {source_name(source): source for source in range(FIRST + place)}
    unknown = next((name for name in read.split("+") if name not in known), None)
    if unknown is not None:
        raise InvalidArchitectureError(
            f"{part} must tell after '~' which of {', '.join(known)} it reads, joined by '+', not '{unknown}'"
        )
    sources = tuple(known[name] for name in read.split("+"))
    fault = node_fault(op, sources, place)
    if fault is not None:
        raise InvalidArchitectureError(f"{part} {fault}")
    return op, sources
