"""The cells as predictors see them: graphs of what computes, in which what reads what is an edge."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from search_spaces.architecture import Architecture, InvalidArchitectureError
from search_spaces.graph import ArchGraph
from search_spaces.nlp.architecture import NLPArchitecture, read_cell
from search_spaces.nlp.cells import FIRST, MAX_NODES, MAX_STATES
from search_spaces.nlp.graphs import ABSENT, NUM_NODES, OP_NAMES, PAIRS, cell_of, code_of
from search_spaces.nlp.projection import finite, nearest_of_pool
from search_spaces.nlp.sampling import draw_cell
from search_spaces.space import SearchSpace

_code_of = lru_cache(maxsize=50_000)(code_of)


class CellGraphs(SearchSpace):
    """The architectures of the space ``nlp`` in another encoding.

    The graph has x and the old values of three states as its first nodes, then the nodes of the cell, of which the last
    may be absent, and at its end the states' new values. What reads what, and which node becomes which state, are free
    edges.
    """

    name = "nlp-graphs"
    op_names = OP_NAMES
    num_nodes = NUM_NODES
    null_op = ABSENT

    def __init__(self, size: int) -> None:
        self.size = size
        self.adjacency = np.zeros((NUM_NODES, NUM_NODES), dtype=bool)
        self.free_edges = np.array(PAIRS, dtype=np.int64)
        self.fixed_ops = np.array([*range(FIRST), *[-1] * MAX_NODES, *range(FIRST, FIRST + MAX_STATES)])
        for array in (self.adjacency, self.free_edges, self.fixed_ops):
            array.setflags(write=False)

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        return [draw_cell(rng) for _ in range(n)]

    def parse(self, text: str) -> Architecture:
        return read_cell(text)

    def encode(self, architecture: Architecture) -> ArchGraph:
        return self.graph(code_of(self.own(architecture, NLPArchitecture)))

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        if not architectures:
            return np.empty((0, self.num_sites), dtype=np.int64)
        return np.stack([_code_of(self.own(architecture, NLPArchitecture)) for architecture in architectures])

    def decode(self, graph: ArchGraph) -> Architecture:
        self.check_graph(graph)
        return NLPArchitecture.of(cell_of(graph))

    def project(self, scores: np.ndarray) -> list[Architecture]:
        """The cells that scores stand for, near and not always nearest.

        Where the best class of every site makes a cell it is that one, else the nearest one of a fixed random sample.
        """
        self.check_scores(scores)
        best = np.where(self.allowed, scores, -np.inf).argmax(axis=2)
        return [self._nearest(self.graph(code), own) for code, own in zip(best, scores, strict=True)]

    def _nearest(self, graph: ArchGraph, scores: np.ndarray) -> Architecture:
        try:
            return self.decode(graph)
        except InvalidArchitectureError:
            return nearest_of_pool(finite(scores), code_of)
