"""The cells one edit away from a cell.

An edit gives a node another operation of as many sources; lets a node read another source in place of one; gives a
linear map a third source, or takes one away; puts a node where something is read, which reads that and, unless it is
an activation, x or the old value of a state, or takes such a node out; makes another node the new value of a state; or
adds a state that is read in one place, or removes such a one. No edit leaves behind what does not count, so each has
its way back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import permutations

import numpy as np

from search_spaces.architecture import InvalidArchitectureError
from search_spaces.nlp.architecture import NLPArchitecture
from search_spaces.nlp.cells import ACTIVATIONS, ARITIES, FIRST, MAX_NODES, MAX_STATES, Cell, Node, X, prune

_PAIRED = tuple(op for op, arities in ARITIES.items() if 2 in arities)


@lru_cache(maxsize=256)
def neighbour_cells(architecture: NLPArchitecture) -> tuple[NLPArchitecture, ...]:
    """All of them, once each, sorted."""
    found = {one for edited in _edits(architecture) if (one := _whole(edited)) is not None}
    return tuple(sorted(found - {architecture}, key=lambda one: (one.nodes, one.states)))


def mutated(architecture: NLPArchitecture, rng: np.random.Generator) -> NLPArchitecture:
    """What one random edit makes of the cell."""
    edits = list(_edits(architecture))
    while True:
        found = _whole(edits[int(rng.integers(len(edits)))])
        if found is not None and found != architecture:
            return found


def _edits(one: NLPArchitecture) -> Iterator[Cell]:
    """The edited cells, in any order of nodes and of any validity."""
    cell = Cell(one.nodes, one.states)
    yield from _other_operations(cell)
    yield from _other_sources(cell)
    yield from _other_states(cell)
    if len(cell.nodes) < MAX_NODES:
        yield from _longer(cell)
    yield from _shorter(cell)
    if len(cell.states) < MAX_STATES:
        yield from _one_state_more(cell)
    if len(cell.states) > 1:
        yield from _one_state_less(cell)


def _other_operations(cell: Cell) -> Iterator[Cell]:
    for place, (op, sources) in enumerate(cell.nodes):
        for other, arities in ARITIES.items():
            if len(sources) in arities:
                orders: Iterable[tuple[int, ...]] = permutations(sources) if other == "blend" else [sources]
                for order in orders:
                    if (other, order) != (op, sources):
                        yield _with(cell, place, (other, order))


def _other_sources(cell: Cell) -> Iterator[Cell]:
    for place, (op, sources) in enumerate(cell.nodes):
        # A node may read a later one, if the order can be changed so that it comes first.
        others = [source for source in _sources(cell) if source not in sources and source != FIRST + place]
        for role in range(len(sources)):
            for other in others:
                yield _with(cell, place, (op, (*sources[:role], other, *sources[role + 1 :])))
            if op == "linear" and len(sources) == 3:
                yield _with(cell, place, (op, (*sources[:role], *sources[role + 1 :])))
        if op == "linear" and len(sources) == 2:
            for other in others:
                yield _with(cell, place, (op, (*sources, other)))


def _other_states(cell: Cell) -> Iterator[Cell]:
    for state in range(len(cell.states)):
        for source in range(FIRST, FIRST + len(cell.nodes)):
            if source not in cell.states:
                yield Cell(cell.nodes, (*cell.states[:state], source, *cell.states[state + 1 :]))


def _longer(cell: Cell) -> Iterator[Cell]:
    new = FIRST + len(cell.nodes)
    old = range(1, 1 + len(cell.states))
    for source, moved in _read_elsewhere(cell, new):
        if source != X:
            for op in ACTIVATIONS:
                yield Cell((*moved.nodes, (op, (source,))), moved.states)
        for op in _PAIRED:
            for other in (X, *old):
                if other != source:
                    yield Cell((*moved.nodes, (op, (source, other))), moved.states)


def _shorter(cell: Cell) -> Iterator[Cell]:
    """Without a node that is read once; what read it reads one of its sources, the other of which is no node."""
    for place, (_, sources) in enumerate(cell.nodes):
        if len(sources) == 3 or _times_read(cell, FIRST + place) != 1:
            continue
        for kept in sources:
            if all(source < FIRST for source in sources if source != kept):
                renamed = _renamed(cell, {FIRST + place: kept})
                yield _without(renamed, place)


def _one_state_more(cell: Cell) -> Iterator[Cell]:
    new = 1 + len(cell.states)
    for place, (op, sources) in enumerate(cell.nodes):
        for role in range(len(sources)):
            edited = _with(cell, place, (op, (*sources[:role], new, *sources[role + 1 :])))
            for end in range(FIRST, FIRST + len(cell.nodes)):
                yield Cell(edited.nodes, (*cell.states, end))


def _one_state_less(cell: Cell) -> Iterator[Cell]:
    last = len(cell.states)
    for state in range(2, last + 1):
        if _times_read(cell, state) != 1:
            continue
        # The last state takes its place.
        renamed = _renamed(cell, {state: last, last: state})
        ends = tuple(end for number, end in enumerate(cell.states, start=1) if number != state)
        if state != last:
            ends = (*cell.states[: state - 1], cell.states[last - 1], *cell.states[state : last - 1])
        for place, (op, sources) in enumerate(renamed.nodes):
            if last in sources:
                role = sources.index(last)
                for other in _sources(cell):
                    if other not in (*sources, FIRST + place, last):
                        edited = _with(renamed, place, (op, (*sources[:role], other, *sources[role + 1 :])))
                        yield Cell(edited.nodes, ends)


def _sources(cell: Cell) -> list[int]:
    return [X, *range(1, 1 + len(cell.states)), *range(FIRST, FIRST + len(cell.nodes))]


def _with(cell: Cell, place: int, node: Node) -> Cell:
    return Cell((*cell.nodes[:place], node, *cell.nodes[place + 1 :]), cell.states)


def _renamed(cell: Cell, names: dict[int, int]) -> Cell:
    nodes = tuple((op, tuple(names.get(one, one) for one in sources)) for op, sources in cell.nodes)
    return Cell(nodes, tuple(names.get(one, one) for one in cell.states))


def _without(cell: Cell, place: int) -> Cell:
    """The cell without a node that nothing reads."""
    later = {source: source - 1 for source in range(FIRST + place + 1, FIRST + len(cell.nodes))}
    return _renamed(Cell((*cell.nodes[:place], *cell.nodes[place + 1 :]), cell.states), later)


def _times_read(cell: Cell, source: int) -> int:
    return sum(source in sources for _, sources in cell.nodes) + cell.states.count(source)


def _read_elsewhere(cell: Cell, new: int) -> Iterator[tuple[int, Cell]]:
    """Each place where something is read, or becomes a state: that source, and the cell with the new one there."""
    for place, (op, sources) in enumerate(cell.nodes):
        for role, source in enumerate(sources):
            yield source, _with(cell, place, (op, (*sources[:role], new, *sources[role + 1 :])))
    for state, source in enumerate(cell.states):
        yield source, Cell(cell.nodes, (*cell.states[:state], new, *cell.states[state + 1 :]))


def _whole(cell: Cell) -> NLPArchitecture | None:
    """The architecture of a cell in any order, if all of it counts; None for one that is none."""
    order: list[int] = []
    while len(order) < len(cell.nodes):
        ready = [
            place
            for place, (_, sources) in enumerate(cell.nodes)
            if place not in order and all(one < FIRST or one - FIRST in order for one in sources)
        ]
        if not ready:
            return None
        order += ready
    new = {FIRST + place: FIRST + number for number, place in enumerate(order)}
    renamed = _renamed(cell, new)
    sorted_cell = Cell(tuple(renamed.nodes[place] for place in order), renamed.states)
    try:
        whole = prune(sorted_cell) == sorted_cell
    except InvalidArchitectureError:
        return None
    return NLPArchitecture.of(sorted_cell) if whole else None
