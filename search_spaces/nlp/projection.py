"""Cells near any scores."""

from __future__ import annotations

from functools import cache

import numpy as np

from search_spaces.architecture import InvalidArchitectureError
from search_spaces.nlp.architecture import NLPArchitecture
from search_spaces.nlp.cells import ARITIES, FIRST, MAX_NODES, MAX_STATES, Cell, Node, X
from search_spaces.nlp.encoding import ABSENT, BLENDS, ENDS, FREE_NAMES, OP_NAMES, PLACES, code_of
from search_spaces.nlp.sampling import draw_cell

# Random cells, of which the nearest is taken where none is found by repair.
POOL = 1024


def repaired(scores: np.ndarray) -> NLPArchitecture | None:
    """The cell that is found node after node, each with its best operation and the sources that go with it.

    scores: (S, K), finite. None where that makes no cell.
    """
    gain = {pair: float(scores[place, 1] - scores[place, 0]) for pair, place in PLACES.items()}
    nodes: list[Node] = []
    number: dict[int, int] = {source: source for source in range(FIRST)}
    for site in range(FIRST, FIRST + MAX_NODES):
        options = [_best(scores[site], name, {number[i]: gain[i, site] for i in number}) for name in FREE_NAMES]
        worth, node = max((option for option in options if option is not None), key=lambda one: one[0])
        if node is not None and worth > scores[site, ABSENT]:
            number[site] = FIRST + len(nodes)
            nodes.append(node)
    inner = [site for site in number if site >= FIRST]
    ends: list[int] = []
    for state in range(MAX_STATES):
        open_sites = [site for site in inner if number[site] not in ends]
        best = max(open_sites, key=lambda site: gain[site, ENDS + state], default=None)
        if best is None or (state and gain[best, ENDS + state] <= 0):
            break
        ends.append(number[best])
    # What reads a state that there is not reads the first one, if it does not do so already.
    known = {source: source if source <= len(ends) else 1 for source in range(1, FIRST)}
    cell = Cell(tuple((op, tuple(known.get(one, one) for one in read)) for op, read in nodes), tuple(ends))
    try:
        return NLPArchitecture.of(cell)
    except InvalidArchitectureError:
        return None


def nearest_of_pool(scores: np.ndarray) -> NLPArchitecture:
    """That of a fixed random sample whose code has the largest sum of scores (S, K); of equals the first."""
    cells, codes = _pool()
    sums = scores[np.arange(codes.shape[1]), codes].sum(axis=1)
    return cells[int(sums.argmax())]


def _best(scores: np.ndarray, name: str, gains: dict[int, float]) -> tuple[float, Node] | None:
    """The best node of that operation: what it adds to the sum of scores, and the node."""
    op = name.partition(" ")[0]
    open_sources = sorted((one for one in gains if one != X or op == "linear"), key=lambda one: -gains[one])
    least, most = ARITIES[op][0], ARITIES[op][-1]
    if len(open_sources) < least:
        return None
    taken = open_sources[:least] + [one for one in open_sources[least:most] if gains[one] > 0]
    worth = float(scores[OP_NAMES.index(name)]) + sum(gains[one] for one in taken)
    risen = sorted(taken)
    return worth, (op, tuple(risen[place] for place in BLENDS[name]) if name in BLENDS else tuple(risen))


@cache
def _pool() -> tuple[list[NLPArchitecture], np.ndarray]:
    rng = np.random.default_rng(0)
    cells = [draw_cell(rng) for _ in range(POOL)]
    return cells, np.stack([code_of(cell) for cell in cells])
