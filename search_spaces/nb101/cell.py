"""The cells of NAS-Bench-101 and the space of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.architecture import Architecture, Costs, InvalidArchitectureError, Parameter
from search_spaces.graph import ArchGraph
from search_spaces.nb101.architecture import NB101Architecture
from search_spaces.nb101.costs import cell_costs
from search_spaces.nb101.isomorphism import (
    ABSENT,
    ABSENT_ON_PATH,
    FREE_NAMES,
    INPUT,
    LAST,
    MAX_EDGES,
    NO_PATH,
    NUM_INNER,
    NUM_NODES,
    OP_NAMES,
    OUTPUT,
    PAIRS,
    VALID,
    all_keys,
    graphs,
    keys,
    prune,
)
from search_spaces.nb101.layout import CELLS_PER_STACK, STEM_WIDTH
from search_spaces.near_miss import suggestion
from search_spaces.space import SearchSpace

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.drawing.svg import Markup


class NB101(SearchSpace):
    """The topology space of NAS-Bench-101, in which isomorphic cells are one architecture.

    The graph is the cell itself: the input is node 0, the output node 6, and between stand the inner nodes and then the
    absent ones, which have no edges. Every pair of nodes is a free edge.
    """

    name = "nb101"
    size = 423_624
    op_names = OP_NAMES
    num_nodes = NUM_NODES
    null_op = ABSENT

    def __init__(self) -> None:
        self.adjacency = np.zeros((NUM_NODES, NUM_NODES), dtype=bool)
        self.free_edges = np.array(PAIRS, dtype=np.int64)
        self.fixed_ops = np.array([INPUT, *[-1] * NUM_INNER, OUTPUT], dtype=np.int64)
        for array in (self.adjacency, self.free_edges, self.fixed_ops):
            array.setflags(write=False)

    def all(self) -> list[Architecture]:
        """Every cell, by rising key: those of fewest nodes first."""
        return _cells(all_keys())

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        return _cells(all_keys()[rng.integers(self.size, size=n)])

    def parse(self, text: str) -> Architecture:
        """Read a cell like ``conv3x3-bn-relu~0|maxpool3x3~0+1|output~1+2``: each node, and after ~ where its input
        comes from; node 0 is the cell's input. Any order in which edges run forward is understood."""
        parts = text.strip().split("|")
        if len(parts) > NUM_INNER + 1:
            raise InvalidArchitectureError(
                f"the cell has {len(parts)} parts between bars, it can have {NUM_INNER} nodes and the output"
            )
        ops = np.array([INPUT, *[ABSENT] * NUM_INNER, OUTPUT], dtype=np.int64)
        adjacency = np.zeros((NUM_NODES, NUM_NODES), dtype=bool)
        for number, part in enumerate(parts, start=1):
            name, _, tails = part.partition("~")
            is_last = number == len(parts)
            allowed = (OP_NAMES[OUTPUT],) if is_last else FREE_NAMES
            if name not in allowed:
                what = "the last part" if is_last else f"node {number}"
                raise InvalidArchitectureError(
                    f"{what} of the cell, '{part}', has the operation '{name}': {suggestion(name, allowed)}"
                )
            if not is_last:
                ops[number] = OP_NAMES.index(name)
            sources = tails.split("+")
            known = [str(node) for node in range(number)]
            for source in sources:
                if source not in known or sources.count(source) > 1:
                    raise InvalidArchitectureError(
                        f"'{part}' of the cell must tell after '~' which of the nodes {', '.join(known)} come in, "
                        f"each once and joined by '+', not '{tails}'"
                    )
                adjacency[int(source), LAST if is_last else number] = True
        return _cell_of(ops, adjacency)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All distinct cells one edit away, by rising key.

        An edit gives one node another operation, adds or removes one edge between nodes that stay, or adds or removes a
        node that hangs on one edge: it has a single edge from it, or to it, and any number on its other side. What has
        many edges on both sides loses them first. Neighbourhood is symmetric, and leads from any cell to any other.
        """
        from search_spaces.nb101.neighbourhood import neighbour_keys

        return _cells(neighbour_keys(self._key(architecture)))

    def encode(self, architecture: Architecture) -> ArchGraph:
        return self.graph(self.codes([architecture])[0])

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        found = np.array([self._key(architecture) for architecture in architectures], dtype=np.int64)
        return np.concatenate(graphs(found), axis=1)

    def decode(self, graph: ArchGraph) -> Architecture:
        """Takes the nodes in any order, if edges run forward, and leaves out what is on no path."""
        self.check_graph(graph)
        return _cell_of(graph.ops, graph.adjacency)

    def project(self, scores: np.ndarray) -> list[Architecture]:
        """The cells that scores stand for, near and mostly nearest.

        Where the best class of every site makes a valid graph, in any order of its nodes, the cell is that graph's,
        without what is on no path. Where it does not, all cells are compared, each in its one canonical order, and the
        cell whose code has the largest sum of scores is taken; of equals, that of the smallest key.
        """
        from search_spaces.nb101.projection import nearest

        self.check_scores(scores)
        return _cells(nearest(scores))

    def parameters(self) -> tuple[Parameter, ...]:
        """``edge_<i>_<j>`` of every pair of nodes, 0 or 1, and ``op_<i>`` of every inner node.

        The operation of an absent node is inactive.
        """
        return (
            *(Parameter(_edge_name(i, j), (0, 1), is_ordered=True) for i, j in PAIRS),
            *(Parameter(f"op_{node}", FREE_NAMES, is_ordered=False) for node in range(1, LAST)),
        )

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        (ops,), (bits,) = graphs(np.array([self._key(architecture)]))
        named = [FREE_NAMES[0] if op == ABSENT else OP_NAMES[op] for op in ops[1:LAST].tolist()]
        return {
            **{_edge_name(i, j): bit for (i, j), bit in zip(PAIRS, bits.tolist(), strict=True)},
            **{f"op_{node}": name for node, name in enumerate(named, start=1)},
        }

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        self.check_parameters(values)
        inner = [OP_NAMES.index(str(values[f"op_{node}"])) for node in range(1, LAST)]
        adjacency = np.zeros((NUM_NODES, NUM_NODES), dtype=bool)
        for i, j in PAIRS:
            adjacency[i, j] = values[_edge_name(i, j)] == 1
        return _cell_of(np.array([INPUT, *inner, OUTPUT], dtype=np.int64), adjacency)

    def build(
        self,
        architecture: Architecture,
        num_classes: int | None = None,
        *,
        channels: int = STEM_WIDTH,
        cells: int = CELLS_PER_STACK,
    ) -> nn.Module:
        """The benchmark's network, by default: 128 channels at first, three stacks of three cells."""
        from search_spaces.nb101.network import CellNetwork

        cell = self.own(architecture, NB101Architecture)
        return CellNetwork(
            cell.op_names, cell.edges, self.num_classes if num_classes is None else num_classes, channels, cells
        )

    def _costs(
        self,
        architecture: Architecture,
        num_classes: int,
        image_size: int,
        channels: int = STEM_WIDTH,
        cells: int = CELLS_PER_STACK,
    ) -> Costs:
        cell = self.own(architecture, NB101Architecture)
        return cell_costs(cell.op_names, cell.edges, num_classes, image_size, channels, cells)

    def draw(self, architecture: Architecture, small: bool = False) -> Markup:
        from search_spaces.nb101.drawing import nb101_drawing

        cell = self.own(architecture, NB101Architecture)
        return nb101_drawing(cell, self.num_classes, self.image_size, small, **self.build_arguments)

    def _key(self, architecture: Architecture) -> int:
        return self.own(architecture, NB101Architecture).key


def _edge_name(tail: int, head: int) -> str:
    return f"edge_{tail}_{head}"


def _cells(found: np.ndarray) -> list[Architecture]:
    return [NB101Architecture(key) for key in found.tolist()]


def _cell_of(ops: np.ndarray, adjacency: np.ndarray) -> NB101Architecture:
    """The cell of one graph whose ends and operations are right and whose edges run forward."""
    clean_ops, clean, (fault,) = prune(ops[None], adjacency[None])
    if fault == NO_PATH:
        raise InvalidArchitectureError("no edges lead from the input to the output of the cell")
    if fault == ABSENT_ON_PATH:
        node = int(np.flatnonzero(clean[0].any(axis=0) & (clean_ops[0] == ABSENT))[0])
        raise InvalidArchitectureError(f"node {node} of the graph is absent, and yet has edges on a path to the output")
    if fault != VALID:
        raise InvalidArchitectureError(
            f"the cell has {int(clean.sum())} edges on paths from input to output, it can have {MAX_EDGES}"
        )
    (key,) = keys(clean_ops, clean)
    return NB101Architecture(int(key))
