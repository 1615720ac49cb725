"""Which graphs the architectures of a space are, as a table of their sites."""

from __future__ import annotations

import numpy as np

from search_spaces.architecture import InvalidArchitectureError
from search_spaces.graph import ArchGraph


class GraphTable:
    """The sites of a space, and what each may be.

    A *site* is what can differ between two graphs: each of the N nodes, then each of the E free edges. The *code* of an
    architecture is its graph as one class per site, (S,) int64 with S = N + E: operations, then 0 or 1 for each edge.
    Models see nothing else, so what is decided together belongs on one node: one node for a block with its kernel and
    width did better than one for each of them.

    name: the registered name of the space.
    op_names: the vocabulary of node operations, V names.
    num_nodes: N, the number of nodes of every graph; where networks differ in size, an operation stands for "absent".
    adjacency: (N, N) bool, the edges that all graphs of the space have.
    free_edges: (E, 2) int64, the pairs (i, j), i < j, that are joined in some graphs and not in others, sorted; none
        where all graphs share one topology.
    fixed_ops: (N,) int64, the operation that a node always has, or -1 where it is free.
    null_op: the operation that outputs zeros, whatever comes in: models take it out of the graph with all paths that
        lead through it. None if there is none.
    identity_op: the operation that outputs its input: models join what is before it to what is after it. None if there
        is none.
    op_attributes: (V, F) float64, numbers that describe an operation (kernel size, ...), zeros for one that they do not
        describe: models learn from operations that share a number. None if there are none.
    """

    name: str
    op_names: tuple[str, ...]
    num_nodes: int
    adjacency: np.ndarray
    free_edges: np.ndarray = np.empty((0, 2), dtype=np.int64)
    fixed_ops: np.ndarray
    null_op: int | None = None
    identity_op: int | None = None
    op_attributes: np.ndarray | None = None

    @property
    def num_sites(self) -> int:
        """S, the number of sites."""
        return self.num_nodes + len(self.free_edges)

    @property
    def site_classes(self) -> np.ndarray:
        """(S,) int64: how many classes each site has, V for a node and 2 for an edge."""
        return np.array([len(self.op_names)] * self.num_nodes + [2] * len(self.free_edges))

    @property
    def allowed(self) -> np.ndarray:
        """(S, K) bool: the classes that each site has in some architecture, K = max(site_classes).

        A node that is not fixed has, unless a space says otherwise, every operation that no fixed node has.
        """
        allowed = np.arange(self.site_classes.max()) < self.site_classes[:, None]
        nodes = allowed[: self.num_nodes]
        nodes[:, np.setdiff1d(self.fixed_ops, [-1])] = False
        fixed = np.flatnonzero(self.fixed_ops >= 0)
        nodes[fixed] = False
        nodes[fixed, self.fixed_ops[fixed]] = True
        return allowed

    @property
    def node_names(self) -> tuple[str, ...]:
        """What each node is called in parameters and messages, N names."""
        return tuple(f"node_{node}" for node in range(self.num_nodes))

    def adjacencies(self, codes: np.ndarray) -> np.ndarray:
        """The edges of many codes: (B, S) -> (B, N, N) bool."""
        adjacency = np.tile(self.adjacency, (len(codes), 1, 1))
        if len(self.free_edges):
            adjacency[:, self.free_edges[:, 0], self.free_edges[:, 1]] = codes[:, self.num_nodes :] == 1
        return adjacency

    def graph(self, code: np.ndarray) -> ArchGraph:
        """The graph of one code, which need not be valid: (S,)."""
        return ArchGraph(code[: self.num_nodes], self.adjacencies(code[None])[0])

    def check_scores(self, scores: np.ndarray) -> None:
        """Raises ValueError unless the scores have the shape that ``project`` takes."""
        shape = (self.num_sites, int(self.site_classes.max()))
        if scores.ndim != 3 or scores.shape[1:] != shape:
            raise ValueError(f"scores must be (B, {shape[0]}, {shape[1]}); got {scores.shape}")

    def check_graph(self, graph: ArchGraph) -> None:
        """Raises InvalidArchitectureError unless the graph has the space's nodes, operations and fixed edges."""
        if len(graph.ops) != self.num_nodes:
            raise InvalidArchitectureError(
                f"a graph of the space {self.name} has {self.num_nodes} nodes, not {len(graph.ops)}"
            )
        wrong = graph.adjacency != self.adjacency
        wrong[tuple(self.free_edges.T)] = False
        if wrong.any():
            i, j = np.argwhere(wrong)[0].tolist()
            if i >= j:
                raise InvalidArchitectureError(f"the edge {i} -> {j} of the graph does not run forward")
            verb = "must have" if self.adjacency[i, j] else "cannot have"
            raise InvalidArchitectureError(
                f"the graph's edges are not those of the space {self.name}: it {verb} {i} -> {j}"
            )
        known = (graph.ops >= 0) & (graph.ops < len(self.op_names))
        allowed = self.allowed[: self.num_nodes]
        right = known & allowed[np.arange(self.num_nodes), np.where(known, graph.ops, 0)]
        if not right.all():
            node = int(right.argmin())
            op = int(graph.ops[node])
            named = f"'{self.op_names[op]}'" if known[node] else f"the unknown operation {op}"
            names = [self.op_names[choice] for choice in np.flatnonzero(allowed[node])]
            choices = f"'{names[0]}'" if len(names) == 1 else f"one of {', '.join(names)}"
            raise InvalidArchitectureError(f"node {node} of the graph is {named}, it must be {choices}")
