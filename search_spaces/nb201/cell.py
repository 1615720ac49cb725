"""The cells of NAS-Bench-201 and the space of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.graph import ArchGraph
from search_spaces.nb201.costs import cell_costs
from search_spaces.nb201.layout import EDGES
from search_spaces.near_miss import suggestion
from search_spaces.space import Architecture, Costs, InvalidArchitectureError, Parameter, SearchSpace

if TYPE_CHECKING:
    from torch import nn

OP_NAMES = ("input", "output", "none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
INPUT, OUTPUT, FIRST_FREE = 0, 1, 2
FREE_NAMES = OP_NAMES[FIRST_FREE:]


@dataclass(frozen=True, slots=True, repr=False)
class NB201Architecture(Architecture):
    """A cell: the operation of each of its six edges, in string order, as indices into ``NB201.op_names``.

    Isomorphic cells are distinct, as in the benchmark, which trained each of them.
    """

    ops: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.ops) != len(EDGES) or not all(FIRST_FREE <= op < len(OP_NAMES) for op in self.ops):
            raise InvalidArchitectureError(
                f"a cell has {len(EDGES)} operations, each from {FIRST_FREE} to {len(OP_NAMES) - 1}; got {self.ops}"
            )

    @property
    def op_names(self) -> tuple[str, ...]:
        """The six operations by name."""
        return tuple(OP_NAMES[op] for op in self.ops)

    def __str__(self) -> str:
        a, b, c, d, e, f = self.op_names
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"

    def __repr__(self) -> str:
        return f"NB201Architecture('{self}')"


class NB201(SearchSpace):
    """The topology space of NAS-Bench-201.

    The graph has one node per edge of the cell between an input and an output node (the line graph): an edge of the
    graph is a pair of cell edges of which the second starts where the first ends. Edge e of the string is node e + 1.
    """

    name = "nb201"
    size = len(FREE_NAMES) ** len(EDGES)
    op_names = OP_NAMES
    num_nodes = len(EDGES) + 2
    null_op = OP_NAMES.index("none")
    identity_op = OP_NAMES.index("skip_connect")
    num_classes = 10
    image_size = 32
    adjacency: np.ndarray

    def __init__(self) -> None:
        ends = [(0, None), *((target, source) for target, source in EDGES), (None, 3)]
        self.adjacency = np.array([[head is not None and head == tail for _, tail in ends] for head, _ in ends])
        self.fixed_ops = np.array([INPUT, *[-1] * len(EDGES), OUTPUT], dtype=np.int64)
        self.adjacency.setflags(write=False)
        self.fixed_ops.setflags(write=False)

    def all(self) -> list[Architecture]:
        """Every cell: edges take the operations in the order of ``op_names``, the last edge varies fastest."""
        return _cells(product(range(FIRST_FREE, len(OP_NAMES)), repeat=len(EDGES)))

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        return _cells(rng.integers(FIRST_FREE, len(OP_NAMES), size=(n, len(EDGES))).tolist())

    def parse(self, text: str) -> Architecture:
        nodes = text.strip().split("+")
        if len(nodes) != 3:
            raise InvalidArchitectureError(
                f"'{text}' is not a cell: it has {len(nodes)} part(s) joined by '+', a cell has three, "
                "as in |op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
            )
        ops = []
        for target, node in enumerate(nodes, start=1):
            edges = node[1:-1].split("|")
            if not (node.startswith("|") and node.endswith("|")) or len(edges) != target:
                raise InvalidArchitectureError(
                    f"part {target} of the cell, '{node}', is not {target} edge(s) between bars, "
                    f"as in |{'|'.join(f'op~{source}' for source in range(target))}|"
                )
            for source, edge in enumerate(edges):
                name, _, tail = edge.partition("~")
                if name not in FREE_NAMES:
                    raise InvalidArchitectureError(
                        f"edge {target}<-{source} of the cell has the unknown operation '{name}': "
                        f"{suggestion(name, FREE_NAMES)}"
                    )
                if tail != str(source):
                    raise InvalidArchitectureError(
                        f"edge {target}<-{source} of the cell must be written '{name}~{source}', not '{edge}'"
                    )
                ops.append(OP_NAMES.index(name))
        return NB201Architecture(tuple(ops))

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The 24 cells in which one edge has another operation."""
        ops = _cell(architecture).ops
        return _cells(
            (*ops[:edge], op, *ops[edge + 1 :])
            for edge in range(len(EDGES))
            for op in range(FIRST_FREE, len(OP_NAMES))
            if op != ops[edge]
        )

    def encode(self, architecture: Architecture) -> ArchGraph:
        return ArchGraph(np.array([INPUT, *_cell(architecture).ops, OUTPUT], dtype=np.int64), self.adjacency)

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        ops = np.tile(self.fixed_ops, (len(architectures), 1))
        if architectures:
            ops[:, 1:-1] = [_cell(architecture).ops for architecture in architectures]
        return ops

    def decode(self, graph: ArchGraph) -> Architecture:
        if len(graph.ops) != self.num_nodes:
            raise InvalidArchitectureError(f"a cell's graph has {self.num_nodes} nodes, not {len(graph.ops)}")
        if not np.array_equal(graph.adjacency, self.adjacency):
            raise InvalidArchitectureError("the graph's edges are not those of the line graph of a NAS-Bench-201 cell")
        ops = graph.ops.tolist()
        for node, op in enumerate(ops):
            low, high = {0: (INPUT, INPUT), 7: (OUTPUT, OUTPUT)}.get(node, (FIRST_FREE, len(OP_NAMES) - 1))
            if not low <= op <= high:
                named = f"'{OP_NAMES[op]}'" if 0 <= op < len(OP_NAMES) else f"the unknown operation {op}"
                raise InvalidArchitectureError(
                    f"node {node} of the graph is {named}, it must be one of {', '.join(OP_NAMES[low : high + 1])}"
                )
        return NB201Architecture(tuple(ops[1:-1]))

    def project(self, scores: np.ndarray) -> list[Architecture]:
        if scores.ndim != 3 or scores.shape[1:] != (self.num_nodes, len(OP_NAMES)):
            raise ValueError(f"scores must be (B, {self.num_nodes}, {len(OP_NAMES)}); got {scores.shape}")
        return _cells((scores[:, 1:-1, FIRST_FREE:].argmax(axis=2) + FIRST_FREE).tolist())

    def parameters(self) -> tuple[Parameter, ...]:
        """One per edge, ``edge_<target>_<source>``, whose values are the benchmark's operation names."""
        return tuple(Parameter(_edge_name(*edge), FREE_NAMES, is_ordered=False) for edge in EDGES)

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        return {_edge_name(*edge): OP_NAMES[op] for edge, op in zip(EDGES, _cell(architecture).ops, strict=True)}

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        names = [_edge_name(*edge) for edge in EDGES]
        for name in values:
            if name not in names:
                raise InvalidArchitectureError(f"unknown parameter '{name}': {suggestion(name, names)}")
        ops = []
        for name in names:
            if name not in values:
                raise InvalidArchitectureError(f"parameter '{name}' is missing")
            if values[name] not in FREE_NAMES:
                raise InvalidArchitectureError(
                    f"parameter '{name}' cannot be '{values[name]}': {suggestion(str(values[name]), FREE_NAMES)}"
                )
            ops.append(OP_NAMES.index(str(values[name])))
        return NB201Architecture(tuple(ops))

    def build(self, architecture: Architecture, num_classes: int | None = None) -> nn.Module:
        """The benchmark's stand-alone network: 16 channels at first, three stages of five cells."""
        from search_spaces.nb201.network import CellNetwork

        return CellNetwork(_cell(architecture).op_names, self.num_classes if num_classes is None else num_classes)

    def costs(self, architecture: Architecture, num_classes: int | None = None, image_size: int | None = None) -> Costs:
        return cell_costs(
            _cell(architecture).op_names,
            self.num_classes if num_classes is None else num_classes,
            self.image_size if image_size is None else image_size,
        )


def _edge_name(target: int, source: int) -> str:
    return f"edge_{target}_{source}"


def _cell(architecture: Architecture) -> NB201Architecture:
    if not isinstance(architecture, NB201Architecture):
        raise TypeError(f"the space nb201 has no architecture '{architecture}' ({type(architecture).__name__})")
    return architecture


def _cells(rows: Iterable[Iterable[int]]) -> list[Architecture]:
    return [NB201Architecture(tuple(row)) for row in rows]
