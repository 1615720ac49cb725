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
        ends = {source - FIRST: state for state, source in enumerate(self.states, start=1)}
        first = [(OPERATIONS.index(op), ends.get(place, 0)) for place, (op, _) in enumerate(self.nodes)]
        return self._complete([], self._refine(_ranks(first)))

    def _refine(self, colours: list[int]) -> list[int]:
        """Colours that tell nodes apart by those of what they read and of what reads them."""
        while True:
            seen = [
                (colours[place], self._read_by(node, colours), sorted((colours[n], r) for n, r in self.readers[place]))
                for place, node in enumerate(self.nodes)
            ]
            finer = _ranks([(own, tuple(read), tuple(readers)) for own, read, readers in seen])
            if max(finer) == max(colours):
                return finer
            colours = finer

    def _read_by(self, node: Node, colours: Sequence[int]) -> list[int]:
        op, sources = node
        found = [FIRST + colours[source - FIRST] if source >= FIRST else source for source in sources]
        return found if op == "blend" else sorted(found)

    def _complete(self, order: list[int], colours: list[int]) -> tuple[_Numbers, tuple[int, ...]]:
        """The smallest cell of those orders that begin so."""
        number = {place: FIRST + new for new, place in enumerate(order)}
        while len(order) < len(self.nodes):
            keys = {}
            for place, (op, sources) in enumerate(self.nodes):
                if place not in number and all(source < FIRST or source - FIRST in number for source in sources):
                    read = self._renumbered(place, number)
                    keys[place] = (-max(read), read, OPERATIONS.index(op), colours[place])
            least = min(keys.values())
            # Of nodes that read the same and are read by the same, each is as good as another.
            tied = {tuple(self.readers[place]): place for place, key in keys.items() if key == least}
            if len(tied) > 1:
                finer = {place: self._refine(_marked(colours, place)) for place in tied.values()}
                return min(self._complete([*order, place], finer[place]) for place in finer)
            (place,) = tied.values()
            number[place] = FIRST + len(order)
            order = [*order, place]
        nodes = tuple((self._renumbered(place, number), OPERATIONS.index(self.nodes[place][0])) for place in order)
        return nodes, tuple(number[source - FIRST] for source in self.states)

    def _renumbered(self, place: int, number: dict[int, int]) -> tuple[int, ...]:
        op, sources = self.nodes[place]
        found = [number[source - FIRST] if source >= FIRST else source for source in sources]
        return tuple(found if op == "blend" else sorted(found))


def _ranks(values: Sequence[Hashable]) -> list[int]:
    rank = {value: place for place, value in enumerate(sorted(set(values)))}  # type: ignore[type-var]
    return [rank[value] for value in values]


def _marked(colours: Sequence[int], place: int) -> list[int]:
    """The colours, with one node told apart from the others of its colour."""
    return _ranks([(colour, other != place) for other, colour in enumerate(colours)])
