"""The space of pairs of DARTS cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.architecture import Architecture, Costs, InvalidArchitectureError, Parameter
from search_spaces.darts.architecture import (
    CELL_NAMES,
    FIRST_FREE,
    FREE_NAMES,
    INPUT_0,
    INPUT_1,
    OP_NAMES,
    OUTPUT,
    SUM,
    DARTSArchitecture,
    Edges,
    cell_edges,
    node_choices,
    source_pairs,
)
from search_spaces.darts.costs import network_costs
from search_spaces.darts.layout import CHANNELS, INPUTS, NODES, stacked_cells
from search_spaces.graph import ArchGraph
from search_spaces.space import SearchSpace

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.drawing.svg import Markup

# A cell's graph: two inputs, then two operations and their sum for each node of the cell, then the output.
CELL_SIZE = INPUTS + 3 * NODES + 1
STARTS = (0, CELL_SIZE)
EDGES = 2 * NODES
# What a cell's eight operations can come from: the inputs, and the sums of the nodes, by the numbers of a genotype.
SOURCE_NODES = np.array([0, 1, *(INPUTS + 3 * node + 2 for node in range(NODES))])
OPERATION_NODES = np.array([INPUTS + 3 * node + side for node in range(NODES) for side in (0, 1)])
PAIR_OPS = len(FREE_NAMES) ** 2


class DARTS(SearchSpace):
    """Pairs of a normal and a reduction cell, as in NAS-Bench-301: nodes with two different sources, seven operations.

    The graph holds both cells side by side, unconnected. An operation is a node of the graph, whose one incoming edge
    is free: it comes from an input of the cell or from the sum of an earlier node. All else is fixed. A graph in which
    the two operations of a cell's node stand in the other order is valid, and the same architecture.
    """

    name = "darts"
    size = (180 * 7**8) ** 2
    op_names = OP_NAMES
    num_nodes = 2 * CELL_SIZE
    identity_op = OP_NAMES.index("skip_connect")

    def __init__(self) -> None:
        cell = np.zeros((CELL_SIZE, CELL_SIZE), dtype=bool)
        sums = SOURCE_NODES[INPUTS:]
        cell[OPERATION_NODES, np.repeat(sums, 2)] = True
        cell[sums, -1] = True
        self.adjacency = np.kron(np.eye(2, dtype=bool), cell)
        ops = [INPUT_0, INPUT_1, *[-1, -1, SUM] * NODES, OUTPUT]
        self.fixed_ops = np.array(ops * 2, dtype=np.int64)
        free = [
            (start + int(SOURCE_NODES[source]), start + int(OPERATION_NODES[edge]))
            for start in STARTS
            for edge in range(EDGES)
            for source in range(INPUTS + edge // 2)
        ]
        self.free_edges = np.array(sorted(free), dtype=np.int64)
        for array in (self.adjacency, self.fixed_ops, self.free_edges):
            array.setflags(write=False)

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        choices = [len(node_choices(node)) for node in range(NODES)] * 2
        return _architectures(rng.integers(choices, size=(n, 2 * NODES)).tolist())

    def parse(self, text: str) -> Architecture:
        parts = text.strip().split(";")
        if len(parts) != 2:
            raise InvalidArchitectureError(
                f"'{text}' is not a darts architecture: it has {len(parts)} part(s) between semicolons, it needs two, "
                "normal:... and reduce:..."
            )
        cells = []
        for name, part in zip(CELL_NAMES, parts, strict=True):
            nodes = part.removeprefix(f"{name}:").split("|")
            if not part.startswith(f"{name}:"):
                raise InvalidArchitectureError(f"'{part}' must start with '{name}:'")
            if len(nodes) != NODES:
                raise InvalidArchitectureError(
                    f"the {name} cell has {len(nodes)} node(s) between bars, it needs {NODES}, as in "
                    "op~0+op~1|op~0+op~2|op~1+op~3|op~0+op~4"
                )
            edges = []
            for number, node in enumerate(nodes, start=INPUTS):
                pair = [edge.partition("~") for edge in node.split("+")]
                if len(pair) != 2 or not all(source.isdecimal() for _, _, source in pair):
                    raise InvalidArchitectureError(
                        f"node {number} of the {name} cell, '{node}', is not two edges, as in op~0+op~1"
                    )
                edges += [(op, int(source)) for op, _, source in pair]
            cells.append(cell_edges(name, edges))
        return DARTSArchitecture(*cells)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The 120 genotypes in which one edge has another operation (96) or another source (24)."""
        checked = self.own(architecture, DARTSArchitecture)
        normal = [DARTSArchitecture(changed, checked.reduce) for changed in _change(checked.normal)]
        reduce = [DARTSArchitecture(checked.normal, changed) for changed in _change(checked.reduce)]
        return [*normal, *reduce]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        checked = self.own(architecture, DARTSArchitecture)
        changed = [*_change(checked.normal), *_change(checked.reduce)]
        pick = int(rng.integers(len(changed)))
        if 2 * pick < len(changed):
            return DARTSArchitecture(changed[pick], checked.reduce)
        return DARTSArchitecture(checked.normal, changed[pick])

    def encode(self, architecture: Architecture) -> ArchGraph:
        return self.graph(self.codes([architecture])[0])

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        count = len(architectures)
        flat = chain.from_iterable(chain(*self.own(a, DARTSArchitecture).cells) for a in architectures)
        edges = np.fromiter(chain.from_iterable(flat), dtype=np.int64, count=4 * EDGES * count)
        edges = edges.reshape(count, 2 * EDGES, 2)
        codes = np.zeros((count, self.num_sites), dtype=np.int64)
        codes[:, : self.num_nodes] = self.fixed_ops
        codes[:, _operation_nodes()] = edges[..., 0]
        sites = self.num_nodes + _edge_index()[np.arange(2 * EDGES), edges[..., 1]]
        np.put_along_axis(codes, sites, 1, axis=1)
        return codes

    def decode(self, graph: ArchGraph) -> Architecture:
        self.check_graph(graph)
        cells = []
        for start, name in zip(STARTS, CELL_NAMES, strict=True):
            edges = []
            for node in start + OPERATION_NODES:
                sources = np.flatnonzero(graph.adjacency[start + SOURCE_NODES, node])
                if len(sources) != 1:
                    raise InvalidArchitectureError(
                        f"node {node} of the graph has {len(sources)} incoming edges, an operation has one"
                    )
                edges.append((OP_NAMES[graph.ops[node]], int(sources[0])))
            cells.append(cell_edges(name, edges))
        return DARTSArchitecture(*cells)

    def project(self, scores: np.ndarray) -> list[Architecture]:
        """The exact maximum over all valid graphs, in which the operations of a cell's node stand in either order."""
        self.check_scores(scores)
        scores = np.asarray(scores, dtype=np.float64)
        # Each operation is free; each node's pair of sources is chosen by what its two edges gain by being there.
        ops = scores[:, _operation_nodes(), FIRST_FREE:].argmax(axis=2)
        gains = scores[:, self.num_nodes :, 1] - scores[:, self.num_nodes :, 0]
        rows = np.empty((len(scores), 2 * NODES), dtype=np.int64)
        for place in range(2 * NODES):
            node = place % NODES
            first, second = np.array(_orders(node)).T
            one, other = (gains[:, _edge_index()[2 * place + side]] for side in (0, 1))
            best = (one[:, first] + other[:, second]).argmax(axis=1)
            pair, swapped = best % len(source_pairs(node)), best >= len(source_pairs(node))
            a, b = ops[:, 2 * place], ops[:, 2 * place + 1]
            a, b = np.where(swapped, b, a), np.where(swapped, a, b)
            rows[:, place] = pair * PAIR_OPS + a * len(FREE_NAMES) + b
        return _architectures(rows.tolist())

    def parameters(self) -> tuple[Parameter, ...]:
        """For each node ``<cell>_<node>_sources`` (``0_1``, ...; node 2 has no choice) and the operations on them.

        Those are ``<cell>_<node>_lower`` and ``_higher``, after the source of the edge.
        """
        return _parameters()

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        values: dict[str, int | str] = {}
        for name, edges in zip(CELL_NAMES, self.own(architecture, DARTSArchitecture).cells, strict=True):
            for node in range(NODES):
                (first, low), (second, high) = edges[2 * node : 2 * node + 2]
                if node:
                    values[_parameter_name(name, node, "sources")] = f"{low}_{high}"
                values[_parameter_name(name, node, "lower")] = OP_NAMES[first]
                values[_parameter_name(name, node, "higher")] = OP_NAMES[second]
        return values

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        self.check_parameters(values)
        cells = []
        for cell in CELL_NAMES:
            edges: list[tuple[int, int]] = []
            for node in range(NODES):
                sources = str(values[_parameter_name(cell, node, "sources")]) if node else "0_1"
                for side, source in zip(("lower", "higher"), sources.split("_"), strict=True):
                    edges.append((OP_NAMES.index(str(values[_parameter_name(cell, node, side)])), int(source)))
            cells.append(tuple(edges))
        return DARTSArchitecture(*cells)

    def build(
        self,
        architecture: Architecture,
        num_classes: int | None = None,
        *,
        channels: int = CHANNELS,
        cells: int | None = None,
    ) -> nn.Module:
        """The network that NAS-Bench-301 trained, without its auxiliary head: 32 channels at first, eight cells.

        cells: of each of the three stages; by default eight in all.
        """
        from search_spaces.darts.network import CellNetwork

        normal, reduce = self.own(architecture, DARTSArchitecture).named_cells
        classes = self.num_classes if num_classes is None else num_classes
        return CellNetwork(normal, reduce, classes, channels, stacked_cells(cells))

    def _costs(
        self,
        architecture: Architecture,
        num_classes: int,
        image_size: int,
        channels: int = CHANNELS,
        cells: int | None = None,
    ) -> Costs:
        own = self.own(architecture, DARTSArchitecture)
        return network_costs(own, num_classes, image_size, channels, stacked_cells(cells))

    def draw(self, architecture: Architecture, small: bool = False) -> Markup:
        from search_spaces.darts.drawing import darts_cells, darts_thumbnail

        return (darts_thumbnail if small else darts_cells)(self.own(architecture, DARTSArchitecture))


@cache
def _operation_nodes() -> np.ndarray:
    """(16,) the nodes of the graph that are the operations of both cells' edges."""
    return np.concatenate([start + OPERATION_NODES for start in STARTS])


@cache
def _edge_index() -> np.ndarray:
    """(16, 5) the free edge to each operation from each source, in a genotype's numbers; -1 where there is none."""
    index = {(i, j): number for number, (i, j) in enumerate(DARTS().free_edges.tolist())}
    return np.array(
        [
            [index.get((start + int(source), start + int(node)), -1) for source in SOURCE_NODES[:-1]]
            for start in STARTS
            for node in OPERATION_NODES
        ]
    )


@cache
def _orders(node: int) -> tuple[tuple[int, int], ...]:
    """The sources that the two operations of a node can have: those in canonical order, then the same ones swapped."""
    rising = source_pairs(node)
    return (*rising, *((high, low) for low, high in rising))


@cache
def _parameters() -> tuple[Parameter, ...]:
    found = []
    for cell in CELL_NAMES:
        for node in range(NODES):
            pairs = tuple(f"{low}_{high}" for low, high in source_pairs(node))
            if node:
                found.append(Parameter(_parameter_name(cell, node, "sources"), pairs, is_ordered=False))
            for side in ("lower", "higher"):
                found.append(Parameter(_parameter_name(cell, node, side), FREE_NAMES, is_ordered=False))
    return tuple(found)


def _parameter_name(cell: str, node: int, what: str) -> str:
    return f"{cell}_{INPUTS + node}_{what}"


def _change(edges: Edges) -> list[Edges]:
    """The 60 cells that differ from this one in the operation or in the source of one edge."""
    found = []
    for place, (op, source) in enumerate(edges):
        node = place // 2
        other = edges[place ^ 1]
        pairs = [((new, source), other) for new in range(FIRST_FREE, len(OP_NAMES)) if new != op]
        pairs += [((op, new), other) for new in range(INPUTS + node) if new not in (source, other[1])]
        for pair in pairs:
            first, second = sorted(pair, key=lambda edge: edge[1])
            found.append((*edges[: 2 * node], first, second, *edges[2 * node + 2 :]))
    return found


def _architectures(rows: Sequence[Sequence[int]]) -> list[Architecture]:
    """Of (B, 8) indices into the choices of each node, those of the normal cell first."""
    one, two, three, four = (node_choices(node) for node in range(NODES))
    return [
        DARTSArchitecture(one[a] + two[b] + three[c] + four[d], one[e] + two[f] + three[g] + four[h])
        for a, b, c, d, e, f, g, h in rows
    ]
