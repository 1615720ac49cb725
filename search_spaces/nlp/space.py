"""The cells of NAS-Bench-NLP and the space of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from cachetools import LRUCache, cached

from search_spaces.architecture import Architecture, Costs, InvalidArchitectureError
from search_spaces.graph import ArchGraph
from search_spaces.nlp.architecture import NLPArchitecture, read_cell
from search_spaces.nlp.costs import model_costs
from search_spaces.nlp.genes import (
    ABSENT,
    NODE_NAMES,
    NUM_SITES,
    OP_NAMES,
    adjacency,
    allowed_classes,
    cell_of,
    code_of,
)
from search_spaces.nlp.layout import (
    CONTEXT,
    DROPOUT,
    EMBEDDING,
    HIDDEN,
    HIDDEN_DROPOUT,
    INPUT_DROPOUT,
    LAYERS,
    PTB_WORDS,
    WEIGHT_DROPOUT,
)
from search_spaces.nlp.sampling import draw_cell
from search_spaces.nlp.view import CellGraphs
from search_spaces.space import SearchSpace

if TYPE_CHECKING:
    import torch
    from torch import nn

    from search_spaces.drawing.svg import Markup

# Samples of a generator hold the same codes again and again.
CACHED = 100_000
_CELLS: LRUCache[tuple[int, ...], NLPArchitecture | None] = LRUCache(CACHED)
_CELLS_LOCK = Lock()


class NLP(SearchSpace):
    """The recurrent cells of NAS-Bench-NLP, of which those that are the same up to the order of nodes are one.

    The sites are genes (``search_spaces.nlp.genes``): what each node computes, what it reads, and which node becomes
    which state. Predictors see the cells as graphs in which that is an edge (``search_spaces.nlp.view``).
    """

    name = "nlp"
    # About: the choices of 15 nodes one after the other and of three states, by the 15! orders of the nodes. Some of
    # these have nodes that lead nowhere; to count the others, all would have to be listed.
    size = 10**34
    op_names = OP_NAMES
    num_nodes = NUM_SITES
    node_names = NODE_NAMES
    null_op = ABSENT
    num_classes = PTB_WORDS
    input_names = ("tokens",)
    goal = "-perplexity"

    def __init__(self) -> None:
        self.adjacency = adjacency()
        self.fixed_ops = np.full(NUM_SITES, -1, dtype=np.int64)
        self._allowed = allowed_classes()
        for array in (self.adjacency, self.fixed_ops, self._allowed):
            array.setflags(write=False)
        self.seen_as = self._view = CellGraphs(self.size)

    @property
    def allowed(self) -> np.ndarray:
        return self._allowed

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """As the benchmark's authors drew theirs, so that small cells are as likely as large ones.

        Uniform draws would be of the largest cells alone, of which there are so many more.
        """
        return [draw_cell(rng) for _ in range(n)]

    def parse(self, text: str) -> Architecture:
        """Read a cell like ``linear~x+h0|tanh~1|h0~2``: each node's operation, and after ~ what it reads, which is x,
        the old value of a state (h0, h1, h2) or the number of an earlier node; then the node that becomes each state.
        The output is h0. Any order in which nodes follow what they read is understood."""
        return read_cell(text)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All distinct cells one edit away, sorted; see ``search_spaces.nlp.neighbourhood``."""
        from search_spaces.nlp.neighbourhood import neighbour_cells

        return list(neighbour_cells(self._own(architecture)))

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A neighbour: an edit is drawn uniformly, of those that lead to another cell."""
        from search_spaces.nlp.neighbourhood import mutated

        return mutated(self._own(architecture), rng)

    def encode(self, architecture: Architecture) -> ArchGraph:
        return self.graph(code_of(self._own(architecture)))

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        if not architectures:
            return np.empty((0, self.num_sites), dtype=np.int64)
        return np.stack([_encoded(self._own(architecture)) for architecture in architectures])

    def decode(self, graph: ArchGraph) -> Architecture:
        """Takes the nodes in any order, absent ones anywhere, and leaves out nodes and states that do not count."""
        self.check_graph(graph)
        return NLPArchitecture.of(cell_of(graph.ops.tolist()))

    def project(self, scores: np.ndarray) -> list[Architecture]:
        """The cells that scores stand for, near and not always nearest.

        Where the best class of every site makes a graph of the space, in any order of its nodes, it is that graph's.
        Where it does not, nodes are taken one after the other, each with its best operation and its best sources; and
        where that makes no cell, the nearest one of a fixed random sample.
        """
        from search_spaces.nlp.projection import finite, nearest_of_pool, repaired

        self.check_scores(scores)
        best = np.where(self.allowed, scores, -np.inf).argmax(axis=2)
        found: list[Architecture] = []
        for row, code in enumerate(best):
            cell = _decoded(tuple(code.tolist()))
            if cell is None:
                own = finite(scores[row])
                cell = repaired(own) or nearest_of_pool(own, code_of)
            found.append(cell)
        return found

    def draw(self, architecture: Architecture, small: bool = False) -> Markup:
        from search_spaces.drawing.graph import graph_drawing

        return graph_drawing(self._view, self._view.encode(architecture), "NAS-Bench-NLP cell", small)

    def build(
        self,
        architecture: Architecture,
        num_classes: int | None = None,
        *,
        embedding: int = EMBEDDING,
        hidden: int = HIDDEN,
        layers: int = LAYERS,
        input_dropout: float = INPUT_DROPOUT,
        hidden_dropout: float = HIDDEN_DROPOUT,
        dropout: float = DROPOUT,
        weight_dropout: float = WEIGHT_DROPOUT,
    ) -> nn.Module:
        """The language model; num_classes is the number of tokens, and ``network(tokens)`` the logits of the next one.

        By default that of the benchmark; arguments are those of ``LanguageModel``.
        """
        from search_spaces.nlp.network import LanguageModel

        cell, tokens = self._own(architecture), self.num_classes if num_classes is None else num_classes
        return LanguageModel(
            *(cell.nodes, cell.states, tokens, int(embedding), int(hidden), int(layers)),
            *(input_dropout, hidden_dropout, dropout, weight_dropout),
        )

    def example_inputs(self, n: int, image_size: int | None = None) -> tuple[torch.Tensor, ...]:
        """n texts of the first token alone: (n, CONTEXT) zeros."""
        import torch

        return (torch.zeros(n, CONTEXT, dtype=torch.int64),)

    def _costs(
        self,
        architecture: Architecture,
        num_classes: int,
        image_size: int,
        embedding: int = EMBEDDING,
        hidden: int = HIDDEN,
        layers: int = LAYERS,
        **dropouts: float,
    ) -> Costs:
        return model_costs(self._own(architecture).nodes, num_classes, int(embedding), int(hidden), int(layers))

    def _own(self, architecture: Architecture) -> NLPArchitecture:
        return self.own(architecture, NLPArchitecture)


@cached(_CELLS, key=tuple, lock=_CELLS_LOCK)
def _decoded(code: tuple[int, ...]) -> NLPArchitecture | None:
    """The cell of a code, None where it is none."""
    try:
        return NLPArchitecture.of(cell_of(code))
    except InvalidArchitectureError:
        return None


@lru_cache(maxsize=CACHED)
def _encoded(architecture: NLPArchitecture) -> np.ndarray:
    code = code_of(architecture)
    # What has been encoded is decoded next, by predictors.
    with _CELLS_LOCK:
        _CELLS[tuple(code.tolist())] = architecture
    return code
