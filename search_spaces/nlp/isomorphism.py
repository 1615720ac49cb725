"""One order of a cell's nodes, the same for all cells that differ only in the order of nodes, sources or states.

Nodes get colours by what they read and by what reads them, until the colours tell apart all that they can (colour
refinement: Weisfeiler and Leman, 1968). Then they are put into an order in which each follows what it reads, and of
those that can come next the one goes first that reads the latest source, so that chains of nodes stand together. Where
colours leave a choice, all ways are gone (McKay, 1981), and the smallest cell counts; nodes that read the same and are
read by the same need no choice.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache

from search_spaces.nlp.cells import FIRST, MAX_STATES, OPERATIONS, Cell, Node

# Nodes as numbers: the operation's place in OPERATIONS, and the sources.
_Numbers = tuple[tuple[tuple[int, ...], int], ...]


@lru_cache(maxsize=200_000)
def canonical(cell: Cell) -> Cell:
    """Of a pruned cell the one that stands for all cells isomorphic to it."""
    ways = [cell]
    if len(cell.states) == MAX_STATES:
        # The first state is the output; the others may change places.
        swap = {2: 3, 3: 2}
        moved = tuple((op, tuple(swap.get(source, source) for source in sources)) for op, sources in cell.nodes)
        ways.append(Cell(moved, (cell.states[0], cell.states[2], cell.states[1])))
    nodes, states = min(_Ordering(way).smallest() for way in ways)
    return Cell(tuple((OPERATIONS[op], sources) for sources, op in nodes), states)


class _Ordering:
    def __init__(self, cell: Cell) -> None:
        self.nodes, self.states = cell.nodes, cell.states
        self.readers: list[list[tuple[int, int]]] = [[] for _ in cell.nodes]
        for place, (op, sources) in enumerate(cell.nodes):
            for role, source in enumerate(sources):
                if source >= FIRST:
                    self.readers[source - FIRST].append((place, role if op == "blend" else 0))

    def smallest(self) -> tuple[_Numbers, tuple[int, ...]]:
        """The smallest cell of all orders."""
        return self._complete([], None)

    def _colours(self) -> list[int]:
        ends = {source - FIRST: state for state, source in enumerate(self.states, start=1)}
        first = [(OPERATIONS.index(op), ends.get(place, 0)) for place, (op, _) in enumerate(self.nodes)]
        return self._refine(_ranks(first))

    def _refine(self, colours: list[int]) -> list[int]:
        """Colours that tell nodes apart by those of what they read and of what reads them."""
        while True:
            seen = [
                (colours[place], self._read_by(node, colours), sorted((colours[n], r) for n, r in self.readers[place]))
                for place, node in enumerate(self.nodes)
            ]
            finer = _ranks([(own, tuple(read), tuple(readers)) for own, read, readers in seen])
            if max(finer) in (max(colours), len(finer) - 1):
                return finer
            colours = finer

    def _read_by(self, node: Node, colours: Sequence[int]) -> list[int]:
        op, sources = node
        found = [FIRST + colours[source - FIRST] if source >= FIRST else source for source in sources]
        return found if op == "blend" else sorted(found)

    def _complete(self, order: Sequence[int], colours: list[int] | None) -> tuple[_Numbers, tuple[int, ...]]:
        """The smallest cell of those orders that begin so; colours are made where they are first needed."""
        waits_for = [sum(source >= FIRST for source in sources) for _, sources in self.nodes]
        number: dict[int, int] = {}
        nodes: list[tuple[tuple[int, ...], int]] = []
        # What a node reads has its numbers from the moment on at which nothing of it is missing.
        ready = {place: self._key(place, number) for place, missing in enumerate(waits_for) if not missing}

        def put(place: int) -> None:
            """Make a node the next one."""
            number[place] = FIRST + len(number)
            _, read, op = ready.pop(place)
            nodes.append((read, op))
            for reader, _ in self.readers[place]:
                waits_for[reader] -= 1
                if not waits_for[reader]:
                    ready[reader] = self._key(reader, number)

        for place in order:
            put(place)
        while ready:
            least = min(ready.values())
            tied = [place for place, key in ready.items() if key == least]
            if len(tied) > 1:
                colours = colours or self._colours()
                first = min(colours[place] for place in tied)
                # Of nodes that read the same and are read by the same, each is as good as another.
                alike = {tuple(self.readers[place]): place for place in tied if colours[place] == first}
                tied = list(alike.values())
                if len(tied) > 1:
                    begun = list(number)
                    return min(self._complete([*begun, place], self._refine(_marked(colours, place))) for place in tied)
            put(tied[0])
        return tuple(nodes), tuple(number[source - FIRST] for source in self.states)

    def _key(self, place: int, number: dict[int, int]) -> tuple[int, tuple[int, ...], int]:
        """The node that comes first has the least one."""
        op, sources = self.nodes[place]
        found = [number[source - FIRST] if source >= FIRST else source for source in sources]
        if op != "blend":
            found.sort()
        return -max(found), tuple(found), OPERATIONS.index(op)


def _ranks(values: Sequence[Hashable]) -> list[int]:
    rank = {value: place for place, value in enumerate(sorted(set(values)))}  # type: ignore[type-var]
    return [rank[value] for value in values]


def _marked(colours: Sequence[int], place: int) -> list[int]:
    """The colours, with one node told apart from the others of its colour."""
    return _ranks([(colour, other != place) for other, colour in enumerate(colours)])
