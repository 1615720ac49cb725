"""Cells near any scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from search_spaces.architecture import InvalidArchitectureError
from search_spaces.nlp.architecture import NLPArchitecture
from search_spaces.nlp.cells import FIRST, MAX_NODES, MAX_STATES, Node, X
from search_spaces.nlp.genes import (
    ABSENT,
    ENDS,
    FIRST_OP,
    MOST_SOURCES,
    OPS,
    THREE,
    WIDTH,
    active_sources,
    cell_with_states,
    from_the_rest,
    source_of,
)
from search_spaces.nlp.sampling import draw_cell

# Random cells, of which the nearest is taken where none is found by repair.
POOL = 1024
# What an infinite score counts for.
_LARGE = 1e9


def repaired(scores: np.ndarray) -> NLPArchitecture | None:
    """The cell that is found node after node, each with its best operation and the best sources that it can have.

    scores: (S, K), finite. None where that makes no cell.
    """
    nodes: list[Node] = []
    for place in range(MAX_NODES):
        own = scores[WIDTH * place : WIDTH * (place + 1)]
        name = int(own[MOST_SOURCES, FIRST_OP : len(OPS) + FIRST_OP].argmax())
        if not nodes or own[MOST_SOURCES, FIRST_OP + name] >= own[MOST_SOURCES, ABSENT]:
            nodes.append(_node(own, OPS[name], len(nodes)))
    genes = [
        int(scores[ENDS + state, FIRST : FIRST + max(1, len(nodes) - state)].argmax()) for state in range(MAX_STATES)
    ]
    try:
        return NLPArchitecture.of(cell_with_states(nodes, genes))
    except InvalidArchitectureError:
        return None


def finite(scores: np.ndarray) -> np.ndarray:
    """Scores of which infinite ones are large: sums with them must not turn into nan."""
    return np.nan_to_num(scores.astype(np.float64), posinf=_LARGE, neginf=-_LARGE)


def nearest_of_pool(scores: np.ndarray, encode: Callable[[NLPArchitecture], np.ndarray]) -> NLPArchitecture:
    """That of a fixed random sample whose code has the largest sum of scores (S, K), finite; of equals the first.

    encode: gives the code (S,) of a cell.
    """
    cells, codes = _pool(encode)
    sums = scores[np.arange(codes.shape[1]), codes].sum(axis=1)
    return cells[int(sums.argmax())]


def _node(scores: np.ndarray, name: str, place: int) -> Node:
    """The node of that operation with its best sources; scores: of its four sites."""
    op = "linear" if name == THREE else name
    genes: list[int] = []
    for role in range(active_sources(name)):
        options = [
            choice
            for choice in range(FIRST + place - role)
            # Only a linear map can read x.
            if op == "linear" or from_the_rest([*genes, choice])[-1] != X
        ]
        if not options:
            return _node(scores, "linear", place)
        genes.append(max(options, key=lambda choice: scores[role, choice]))
    return op, tuple(source_of(choice, place) for choice in from_the_rest(genes))


@cache
def _pool(encode: Callable[[NLPArchitecture], np.ndarray]) -> tuple[list[NLPArchitecture], np.ndarray]:
    rng = np.random.default_rng(0)
    cells = [draw_cell(rng) for _ in range(POOL)]
    return cells, np.stack([encode(cell) for cell in cells])
