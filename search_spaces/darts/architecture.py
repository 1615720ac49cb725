"""An architecture of the DARTS space: which two operations on which two sources each node of its two cells adds up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import NamedTuple

from search_spaces.architecture import Architecture, InvalidArchitectureError
from search_spaces.darts.layout import INPUTS, NODES
from search_spaces.near_miss import suggestion

OP_NAMES = (
    "input0",
    "input1",
    "sum",
    "output",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
INPUT_0, INPUT_1, SUM, OUTPUT, FIRST_FREE = range(5)
FREE_NAMES = OP_NAMES[FIRST_FREE:]
CELL_NAMES = ("normal", "reduce")
# What a cell puts side by side as its output, in a genotype's numbers: all of its nodes.
CONCAT = tuple(range(INPUTS, INPUTS + NODES))

# The operation of an edge, as an index into OP_NAMES, and its source: 0 and 1 are the inputs, 2 to 4 earlier nodes.
Edge = tuple[int, int]
Edges = tuple[Edge, ...]


class Genotype(NamedTuple):
    """DARTS's own form: two edges (operation name, source) for each node in turn, and what is concatenated."""

    normal: list[tuple[str, int]]
    normal_concat: list[int]
    reduce: list[tuple[str, int]]
    reduce_concat: list[int]


@cache
def source_pairs(node: int) -> tuple[tuple[int, int], ...]:
    """The pairs of sources that a node of a cell, counted from 0, can have: 1, 3, 6 or 10."""
    return tuple(combinations(range(INPUTS + node), 2))


@cache
def node_choices(node: int) -> tuple[tuple[Edge, Edge], ...]:
    """All 49 to 490 pairs of edges of a node, counted from 0; sources vary slowest, then the first's operation."""
    operations = range(FIRST_FREE, len(OP_NAMES))
    return tuple(
        ((first, low), (second, high))
        for low, high in source_pairs(node)
        for first, second in product(operations, repeat=2)
    )


@cache
def _valid_choices(node: int) -> frozenset[Edges]:
    return frozenset(node_choices(node))


@dataclass(frozen=True, slots=True, repr=False)
class DARTSArchitecture(Architecture):
    """A genotype: for each cell eight edges (operation, source), two for each node, the lower source first.

    Operations are indices into ``DARTS.op_names``. Genotypes that differ only in the numbering of their nodes are
    distinct although their networks compute the same, as in NAS-Bench-301, whose models tell them apart.
    Its string has the nodes of a cell between bars, ``normal:op~source+op~source|...|...|...;reduce:...``.
    """

    drawn_by = "darts"

    normal: Edges
    reduce: Edges

    def __post_init__(self) -> None:
        for name, edges in zip(CELL_NAMES, self.cells, strict=True):
            if len(edges) != 2 * NODES:
                raise InvalidArchitectureError(f"the {name} cell has {2 * NODES} edges, not {len(edges)}")
            for node in range(NODES):
                pair = edges[2 * node : 2 * node + 2]
                if pair not in _valid_choices(node):
                    raise InvalidArchitectureError(
                        f"node {INPUTS + node} of the {name} cell must have two edges (operation, source), with "
                        f"operations from {FIRST_FREE} to {len(OP_NAMES) - 1} and rising sources from 0 to "
                        f"{INPUTS + node - 1}; got {pair}"
                    )

    @property
    def cells(self) -> tuple[Edges, Edges]:
        """The normal and the reduction cell."""
        return self.normal, self.reduce

    @property
    def named_cells(self) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
        """The edges of both cells with the names of their operations."""
        return _name_edges(self.normal), _name_edges(self.reduce)

    def __str__(self) -> str:
        return ";".join(
            f"{name}:" + "|".join(f"{a}~{i}+{b}~{j}" for (a, i), (b, j) in zip(edges[::2], edges[1::2], strict=True))
            for name, edges in zip(CELL_NAMES, self.named_cells, strict=True)
        )


def to_genotype(architecture: DARTSArchitecture) -> Genotype:
    """The genotype that DARTS and NAS-Bench-301 read, the lower source of each node first."""
    normal, reduce = architecture.named_cells
    return Genotype(list(normal), list(CONCAT), list(reduce), list(CONCAT))


def from_genotype(genotype: Sequence[Iterable]) -> DARTSArchitecture:
    """The architecture of (normal, normal_concat, reduce, reduce_concat), as DARTS writes it.

    The two edges of a node may come in either order. Raises InvalidArchitectureError, also for cells that put less
    than all of their nodes side by side.
    """
    if len(genotype) != 4:
        raise InvalidArchitectureError(
            f"a genotype is (normal, normal_concat, reduce, reduce_concat), four parts, not {len(genotype)}"
        )
    cells = []
    for name, edges, concat in zip(CELL_NAMES, genotype[::2], genotype[1::2], strict=True):
        if sorted(concat) != list(CONCAT):
            raise InvalidArchitectureError(f"the {name} cell must concatenate {list(CONCAT)}, not {list(concat)}")
        cells.append(cell_edges(name, [(str(op), source) for op, source in edges]))
    return DARTSArchitecture(*cells)


def cell_edges(name: str, named: Sequence[tuple[str, int]]) -> Edges:
    """The edges of a cell, in canonical order, from eight (operation name, source); raises InvalidArchitectureError."""
    if len(named) != 2 * NODES:
        raise InvalidArchitectureError(f"the {name} cell has {2 * NODES} edges, not {len(named)}")
    edges: list[Edge] = []
    for node in range(NODES):
        place = f"node {INPUTS + node} of the {name} cell"
        pair = named[2 * node : 2 * node + 2]
        for op, source in pair:
            if op not in FREE_NAMES:
                raise InvalidArchitectureError(
                    f"{place} has the unknown operation '{op}': {suggestion(op, FREE_NAMES)}"
                )
            if source not in range(INPUTS + node):
                raise InvalidArchitectureError(
                    f"{place} cannot have the source {source}: choose from 0 to {INPUTS + node - 1}"
                )
        if pair[0][1] == pair[1][1]:
            raise InvalidArchitectureError(f"{place} has the source {pair[0][1]} twice, it needs two different ones")
        edges += [(OP_NAMES.index(op), int(source)) for op, source in sorted(pair, key=lambda edge: edge[1])]
    return tuple(edges)


def _name_edges(edges: Edges) -> tuple[tuple[str, int], ...]:
    return tuple((OP_NAMES[op], source) for op, source in edges)
