"""The trees of NAS-Bench-Graph and the space of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.architecture import Architecture, Costs, InvalidArchitectureError, Parameter
from search_spaces.graph import ArchGraph
from search_spaces.nbgraph.architecture import NBGraphArchitecture, read_tree
from search_spaces.nbgraph.costs import tree_costs
from search_spaces.nbgraph.layout import AFTER, BEFORE, CLASSES, FEATURES, HIDDEN
from search_spaces.nbgraph.listing import INPUT, LAST, OUTPUT, PAIRS, SURE, listing, nearest
from search_spaces.nbgraph.trees import MAX_NODES, OPERATIONS, leaves, pad
from search_spaces.space import SearchSpace

if TYPE_CHECKING:
    import torch
    from torch import nn


class NBGraph(SearchSpace):
    """The networks of NAS-Bench-Graph, of which those that compute the same are one architecture.

    The graph has the raw input as node 0, four computing nodes, of which the last may be absent, and the output, to
    which every leaf is joined. Which node reads which, and which are leaves, are free edges.
    """

    name = "nbgraph"
    size = 26_206
    operations: tuple[str, ...] = OPERATIONS
    num_nodes = MAX_NODES + 2
    num_classes = CLASSES
    input_names = ("x", "edge_index")

    def __init__(self) -> None:
        self.op_names = ("input", "output", *self.operations, "absent")
        self.null_op, self.identity_op = self.op_names.index("absent"), self.op_names.index("skip")
        self.adjacency = np.zeros((self.num_nodes, self.num_nodes), dtype=bool)
        self.adjacency[SURE] = True
        self.free_edges = np.array(PAIRS, dtype=np.int64)
        self.fixed_ops = np.array([INPUT, *[-1] * MAX_NODES, OUTPUT], dtype=np.int64)
        self._allowed = super().allowed
        self._allowed[1, [self.op_names.index("absent"), self.op_names.index("skip")]] = False
        for array in (self.adjacency, self.free_edges, self.fixed_ops, self._allowed):
            array.setflags(write=False)

    @property
    def allowed(self) -> np.ndarray:
        return self._allowed

    def all(self) -> list[Architecture]:
        """Every architecture, those of fewest nodes first."""
        return list(listing(self.operations).architectures)

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        listed = listing(self.operations).architectures
        return [listed[place] for place in rng.integers(self.size, size=n).tolist()]

    def parse(self, text: str) -> Architecture:
        """Read a tree like ``gcn~0|gat~1|skip~1``: each node's operation, and after ~ what it reads, 0 for the raw
        input or the number of an earlier node. Any order is understood, and skips that can be left out are."""
        return read_tree(text, self.operations)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All distinct architectures one edit away, those of fewest nodes first.

        An edit gives one of four nodes another operation, or another node to read. A tree of fewer nodes is first
        brought to four by skips, in every way that does not change what it computes. Neighbourhood is symmetric.
        """
        from search_spaces.nbgraph.neighbourhood import neighbour_trees

        tree = self._own(architecture)
        known = sorted(map(OPERATIONS.index, self.operations))
        return [
            NBGraphArchitecture(inputs, tuple(OPERATIONS[op] for op in ops))
            for inputs, ops in neighbour_trees((tree.inputs, tree.ops), known)
        ]

    def encode(self, architecture: Architecture) -> ArchGraph:
        return self.graph(self.codes([architecture])[0])

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        listed = listing(self.operations)
        return listed.codes[[listed.places[self._own(one)] for one in architectures]].astype(np.int64)

    def decode(self, graph: ArchGraph) -> Architecture:
        """Takes the nodes in any order, absent ones anywhere."""
        self.check_graph(graph)
        present = [node for node in range(1, LAST) if graph.ops[node] != self.null_op]
        number = {0: 0} | {node: place for place, node in enumerate(present, start=1)}
        inputs = []
        for node in range(1, LAST):
            sources = np.flatnonzero(graph.adjacency[:, node]).tolist()
            if node not in number and (sources or graph.adjacency[node].any()):
                raise InvalidArchitectureError(f"node {node} of the graph is absent, and yet has edges")
            if node in number and len(sources) != 1:
                raise InvalidArchitectureError(f"node {node} of the graph reads {len(sources)} nodes, it must read one")
            inputs += [number[source] for source in sources]
        ends = [present[leaf - 1] for leaf in leaves(inputs)]
        if np.flatnonzero(graph.adjacency[:, LAST]).tolist() != ends:
            raise InvalidArchitectureError(f"the output of the graph must read the leaves {ends}, and nothing else")
        return NBGraphArchitecture.of(tuple(inputs), tuple(self.op_names[graph.ops[node]] for node in present))

    def project(self, scores: np.ndarray) -> list[Architecture]:
        """The architectures that scores stand for, near and mostly nearest.

        Where the best class of every site makes a graph of the space, in any order of its nodes, it is that graph's.
        Where it does not, all architectures are compared, each in its one canonical order.
        """
        self.check_scores(scores)
        best = np.where(self.allowed, scores, -np.inf).argmax(axis=2)
        found = [self._valid(code) for code in best]
        wrong = [row for row, one in enumerate(found) if one is None]
        for row, one in zip(wrong, nearest(scores[wrong], self.operations), strict=True):
            found[row] = one
        return [one for one in found if one is not None]

    def parameters(self) -> tuple[Parameter, ...]:
        """``op_<i>`` of each of four nodes, and ``input_<i>`` of all but the first: what it reads.

        A network of fewer nodes has skips before the others, as in the benchmark.
        """
        return (
            *(Parameter(f"op_{node}", self.operations, is_ordered=False) for node in range(1, LAST)),
            *(Parameter(f"input_{node}", tuple(range(node)), is_ordered=False) for node in range(2, LAST)),
        )

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        tree = self._own(architecture)
        inputs, ops = pad(tree.inputs, tree.ops)
        return {
            **{f"op_{node}": OPERATIONS[op] for node, op in enumerate(ops, start=1)},
            **{f"input_{node}": source for node, source in enumerate(inputs[1:], start=2)},
        }

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        self.check_parameters(values)
        inputs = (0, *(int(values[f"input_{node}"]) for node in range(2, LAST)))
        return NBGraphArchitecture.of(inputs, tuple(str(values[f"op_{node}"]) for node in range(1, LAST)))

    def build(
        self,
        architecture: Architecture,
        num_classes: int | None = None,
        *,
        features: int = FEATURES,
        hidden: int = HIDDEN,
        before: int = BEFORE,
        after: int = AFTER,
        dropout: float = 0.5,
    ) -> nn.Module:
        """The network of PyTorch Geometric's layers; ``network(x, edge_index)`` are the logits of the graph's nodes.

        By default that which the benchmark has for Cora; arguments are those of ``TreeNetwork``.
        """
        from search_spaces.nbgraph.network import TreeNetwork

        tree, classes = self._own(architecture), self.num_classes if num_classes is None else num_classes
        return TreeNetwork(tree.inputs, tree.op_names, classes, features, hidden, before, after, dropout)

    def example_inputs(self, n: int, image_size: int | None = None) -> tuple[torch.Tensor, ...]:
        """A graph of n nodes in a ring: features (n, features) of zeros, and the edges, (2, n)."""
        import torch

        nodes = torch.arange(n, device="cpu")
        features = self.build_arguments.get("features", FEATURES)
        return torch.zeros(n, features, device="cpu"), torch.stack([nodes, nodes.roll(-1)])

    def _costs(
        self,
        architecture: Architecture,
        num_classes: int,
        image_size: int,
        features: int = FEATURES,
        hidden: int = HIDDEN,
        before: int = BEFORE,
        after: int = AFTER,
        dropout: float = 0.5,
    ) -> Costs:
        tree = self._own(architecture)
        return tree_costs(tree.inputs, tree.op_names, num_classes, features, hidden, before, after)

    def _valid(self, code: np.ndarray) -> Architecture | None:
        """What ``decode`` makes of the graph of a code, quickly where it is in canonical order; None if it is none."""
        listed = listing(self.operations)
        place = listed.rows.get(code.astype(np.int8).tobytes())
        if place is not None:
            return listed.architectures[place]
        try:
            return self.decode(self.graph(code))
        except InvalidArchitectureError:
            return None

    def _own(self, architecture: Architecture) -> NBGraphArchitecture:
        return self.own(architecture, NBGraphArchitecture)


class NBGraphProteins(NBGraph):
    """The networks that the benchmark trained on its largest graph, ogbn-proteins: those of five operations."""

    name = "nbgraph-proteins"
    size = 2_021
    operations = ("gcn", "sage", "arma", "fc", "skip")
