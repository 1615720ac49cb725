"""Cells near any scores."""

from __future__ import annotations

from functools import cache

import numpy as np

from search_spaces.architecture import InvalidArchitectureError
from search_spaces.nlp.architecture import NLPArchitecture
from search_spaces.nlp.cells import ARITIES, FIRST, MAX_NODES, MAX_STATES, Cell, Node, X
from search_spaces.nlp.genes import ABSENT, ENDS, FIRST_OP, MOST_SOURCES, WIDTH, code_of
from search_spaces.nlp.sampling import draw_cell

# Random cells, of which the nearest is taken where none is found by repair.
POOL = 1024


def repaired(scores: np.ndarray) -> NLPArchitecture | None:
    """The cell that is found node after node, each with its best operation and the best sources for it.

    scores: (S, K), finite. None where that makes no cell.
    """
    states = 1 + sum(bool(scores[site].argmax() != ABSENT) for site in range(ENDS + 1, ENDS + MAX_STATES))
    nodes: list[Node] = []
    # The sources that there are, by their classes, and as the cell counts them.
    number = {source: source for source in range(1 + states)}
    for place in range(MAX_NODES):
        own = scores[WIDTH * place : WIDTH * (place + 1)]
        options = [_best(own, op, number) for op in ARITIES]
        worth, node = max((one for one in options if one is not None), key=lambda one: one[0])
        if worth >= own[:, ABSENT].sum():
            number[FIRST + place] = FIRST + len(nodes)
            nodes.append(node)
    ends: list[int] = []
    for site in range(ENDS, ENDS + states):
        left = [source for source in number if source >= FIRST and number[source] not in ends]
        if left:
            ends.append(number[max(left, key=lambda source: scores[site, source])])
    try:
        return NLPArchitecture.of(Cell(tuple(nodes), tuple(ends)))
    except InvalidArchitectureError:
        return None


def nearest_of_pool(scores: np.ndarray) -> NLPArchitecture:
    """That of a fixed random sample whose code has the largest sum of scores (S, K); of equals the first."""
    cells, codes = _pool()
    sums = scores[np.arange(codes.shape[1]), codes].sum(axis=1)
    return cells[int(sums.argmax())]


def _best(scores: np.ndarray, op: str, number: dict[int, int]) -> tuple[float, Node] | None:
    """The best node of that operation, of four sites: what it adds to the sum of scores, and the node."""
    least, most = ARITIES[op][0], ARITIES[op][-1]
    taken: list[int] = []
    worth = float(scores[MOST_SOURCES, FIRST_OP + list(ARITIES).index(op)])
    for role in range(MOST_SOURCES):
        left = [source for source in number if source not in taken and (source != X or op == "linear")]
        best = max(left, key=lambda source: scores[role, source], default=None) if role < most else None
        if best is None and role < least:
            return None
        if best is None or (role >= least and scores[role, ABSENT] >= scores[role, best]):
            worth += float(scores[role, ABSENT])
        else:
            taken.append(best)
            worth += float(scores[role, best])
    sources = [number[source] for source in taken]
    return worth, (op, tuple(sources if op == "blend" else sorted(sources)))


@cache
def _pool() -> tuple[list[NLPArchitecture], np.ndarray]:
    rng = np.random.default_rng(0)
    cells = [draw_cell(rng) for _ in range(POOL)]
    return cells, np.stack([code_of(cell) for cell in cells])
