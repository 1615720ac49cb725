"""The two cells of a DARTS architecture.

Every source has a rail of its own that runs down; a node's two operations tap the rails of their sources, and their sum
starts the node's own rail. So no two lines run into each other, however the cell is wired.
"""

from __future__ import annotations

from search_spaces.darts.architecture import DARTSArchitecture
from search_spaces.darts.layout import CELLS, CHANNELS, INPUTS, NODES, reductions
from search_spaces.drawing.looks import look
from search_spaces.drawing.shapes import box, colour_of, disc, head, line, strip, width_of
from search_spaces.drawing.svg import Markup, element, group, picture, text

WIDTH = 360.0
RAIL, FIRST_RAIL = 30.0, 20.0
OPS, OUT = 258.0, 336.0
LANE, STEP, TOP, FOOT = 84.0, 29.0, 58.0, 40.0
CELL_HEIGHT = TOP + NODES * LANE + FOOT
HEADINGS = ("Normal cell", "Reduction cell")
SOURCES = ("the cell before last", "the last cell", *(f"node {node}" for node in range(NODES)))
TITLE = "DARTS cells"

NamedEdges = tuple[tuple[str, int], ...]


def darts_cells(architecture: DARTSArchitecture) -> Markup:
    """Both cells, one below the other, and how the network stacks them; 360 by about 960 pixels."""
    drawn = []
    for place, (heading, edges) in enumerate(zip(HEADINGS, architecture.named_cells, strict=True)):
        drawn.append(group(_cell(heading, edges), transform=f"translate(0 {place * (CELL_HEIGHT + 24):.0f})"))
    height = 2 * (CELL_HEIGHT + 24)
    width = CHANNELS
    parts = []
    for place in range(CELLS):
        if place in reductions(CELLS):
            width *= 2
        parts.append(("R" if place in reductions(CELLS) else "N", f"{width}"))
    heading = "Stacked as (N normal, R reduction), with so many channels"
    drawn.append(strip(height, WIDTH, heading, parts, reductions(CELLS)))
    return picture(WIDTH, height + 54, TITLE, description(architecture), *drawn)


def darts_thumbnail(architecture: DARTSArchitecture) -> Markup:
    """A row for each cell with the operations of its nodes in order, without words; 120 by 62 pixels."""
    drawn = []
    for row, edges in enumerate(architecture.named_cells):
        for place, (name, source) in enumerate(edges):
            x, y = 12 + 30 * (place // 2), 10 + 32 * row + 13 * (place % 2)
            drawn.append(box(x, y, 22, 10, look(name), (), title=f"{name} of {SOURCES[source]}"))
    return picture(120, 62, TITLE, description(architecture), *drawn)


def description(architecture: DARTSArchitecture) -> str:
    """Both cells in words."""
    cells = []
    for heading, edges in zip(HEADINGS, architecture.named_cells, strict=True):
        nodes = [
            f"node {node} adds "
            + " and ".join(
                f"{look(name).label} of {SOURCES[source]}" for name, source in edges[2 * node : 2 * node + 2]
            )
            for node in range(NODES)
        ]
        cells.append(f"{heading}: " + "; ".join(nodes))
    return ". ".join(cells) + "."


def _cell(heading: str, edges: NamedEdges) -> Markup:
    used = {source for _, source in edges}
    bottom = TOP + NODES * LANE
    drawn = [text(0, 10, heading, 13, text_anchor="start", font_weight=600)]
    for source, words in enumerate(("k-2", "k-1")):
        x = _rail(source)
        drawn.append(text(x, 30, words, 11, opacity=0.8))
        last = max((place // 2 for place, (_, s) in enumerate(edges) if s == source), default=0)
        side = max((place % 2 for place, (_, s) in enumerate(edges) if s == source and place // 2 == last), default=0)
        if source in used:
            drawn.append(line([(x, 40), (x, _tap(last, side))], opacity=0.6))
    for node in range(NODES):
        drawn.append(_node(node, edges))
        drawn.append(line([(_rail(INPUTS + node), _sum(node) + 12), (_rail(INPUTS + node), bottom + 8)], opacity=0.6))
    wide = _rail(INPUTS + NODES - 1) - _rail(INPUTS) + 60
    middle = (_rail(INPUTS) + _rail(INPUTS + NODES - 1)) / 2
    drawn.append(box(middle, bottom + 20, wide, 24, look("output"), ["output: all four"], 11.5))
    return group(*drawn, class_="cell")


def _node(node: int, edges: NamedEdges) -> Markup:
    """A lane: two operations, and where they join."""
    own, y = _rail(INPUTS + node), _sum(node)
    drawn = []
    for side, (name, source) in enumerate(edges[2 * node : 2 * node + 2]):
        shown = look(name)
        wide = width_of(shown.label, 12) + 14
        start, tap = _rail(source), _tap(node, side)
        left, right = OPS - wide / 2, OPS + wide / 2
        colour = colour_of(shown)
        drawn += [
            line([(start, tap), (left - 5, tap)], colour, 2.0),
            element("circle", cx=start, cy=tap, r=3.5, fill=colour),
            head((left, tap), (1, 0), colour),
            box(OPS, tap, wide, 23, shown, [shown.label], 12, f"{name} of {SOURCES[source]}"),
            line(
                [(right, tap), (OUT, tap), (OUT, y), (own + 18, y)], colour, 2.0, opacity=0.8, stroke_linejoin="round"
            ),
        ]
    drawn += [head((own + 13, y), (-1, 0)), disc(own, y, str(node), 12)]
    return group(*drawn)


def _rail(source: int) -> float:
    return FIRST_RAIL + RAIL * source


def _tap(node: int, side: int) -> float:
    return TOP + node * LANE + STEP * side


def _sum(node: int) -> float:
    return TOP + node * LANE + 2 * STEP - 4
