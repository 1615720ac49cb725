"""Random cells, made as the benchmark's authors made theirs."""

from __future__ import annotations

import numpy as np

from search_spaces.architecture import InvalidArchitectureError
from search_spaces.nlp.architecture import NLPArchitecture
from search_spaces.nlp.cells import ACTIVATIONS, FIRST, MAX_NODES, MAX_STATES, Cell, Node, X, live_places, prune

# Shares of what comes next: a linear map, which an activation follows, or one that joins earlier sources.
STEPS = {"linear": 0.84, "sum": 0.07, "prod": 0.05, "blend": 0.04}
# Shares of linear maps of two sources, and of cells of one, two and three states.
TWO_SOURCES = 0.8
STATES = (0.45, 0.4, 0.15)
# Nodes before those that lead nowhere are left out.
FEWEST, MOST = 10, 30
# Cells of fewer nodes are drawn again with a share of chance: there are few, and they would come again and again.
FULL_CHANCE = 8


def draw_cell(rng: np.random.Generator) -> NLPArchitecture:
    """One cell: nodes read random earlier sources, random nodes become the states, and what leads nowhere is left out.

    It is drawn again where that leaves a state, or x, unread, or more than MAX_NODES nodes, and small ones mostly.
    """
    while True:
        cell = _draw(rng)
        try:
            kept = prune(cell)
        except InvalidArchitectureError:
            continue
        chance = (len(kept.nodes) / FULL_CHANCE) ** 2
        whole = len(kept.states) == len(cell.states) and any(1 in sources for _, sources in kept.nodes)
        if whole and rng.random() < chance:
            return NLPArchitecture.of(kept)


def _draw(rng: np.random.Generator) -> Cell:
    states = 1 + int(rng.choice(MAX_STATES, p=STATES))
    wanted = int(rng.integers(FEWEST, MOST + 1))
    nodes: list[Node] = []
    while len(nodes) < wanted:
        op = str(rng.choice(list(STEPS), p=list(STEPS.values())))
        sources = [*range(1, states + 1), *range(FIRST, FIRST + len(nodes))]
        arity = 3 if op == "blend" or (op == "linear" and rng.random() >= TWO_SOURCES) else 2
        if op == "linear":
            # A linear map of a linear map is one: it reads what is not linear.
            sources = [X, *(source for source in sources if source < FIRST or nodes[source - FIRST][0] != "linear")]
        if arity > len(sources):
            continue
        nodes.append((op, tuple(int(source) for source in rng.choice(sources, size=arity, replace=False))))
        if op == "linear":
            nodes.append((str(rng.choice(ACTIVATIONS)), (FIRST + len(nodes) - 1,)))
    ends = rng.choice(len(nodes), size=states, replace=False)
    return _cut(nodes, [int(end) for end in ends])


def _cut(nodes: list[Node], ends: list[int]) -> Cell:
    """The cell of what leads to the ends, too large a one as none at all."""
    live = live_places(nodes, [FIRST + end for end in ends])
    if len(live) > MAX_NODES:
        return Cell((), ())
    new = {FIRST + place: FIRST + number for number, place in enumerate(live)}
    kept = tuple((nodes[place][0], tuple(new.get(one, one) for one in nodes[place][1])) for place in live)
    return Cell(kept, tuple(new[FIRST + end] for end in ends))
