"""The cell of NAS-Bench-201: four nodes, and an operation on each of the six edges between them."""

from __future__ import annotations

from typing import Any

from search_spaces.drawing.looks import look
from search_spaces.drawing.shapes import Point, box, colour_of, disc, head, line, strip, width_of
from search_spaces.drawing.svg import Markup, group, picture, text
from search_spaces.nb201.architecture import NB201Architecture
from search_spaces.nb201.layout import CELLS_PER_STAGE, EDGES, WIDTHS, stage_widths

# Node 2 stands inside the triangle of the others, so that no edges cross.
PLACES: tuple[Point, ...] = ((40, 262), (180, 34), (180, 172), (320, 262))
SMALL: tuple[Point, ...] = ((10, 82), (60, 10), (60, 52), (110, 82))
WIDTH, HEIGHT = 360, 306
SMALL_WIDTH, SMALL_HEIGHT = 120, 92
RADIUS, SMALL_RADIUS = 15.0, 6.0
TITLE = "NAS-Bench-201 cell"


def nb201_cell(
    architecture: NB201Architecture,
    num_classes: int,
    image_size: int,
    channels: int = WIDTHS[0],
    cells: int = CELLS_PER_STAGE,
) -> Markup:
    """The cell, and below it how the network stacks it; its natural size is 360 by 372 pixels."""
    alive = live_edges(architecture)
    drawn = [
        _edge(source, target, name, live)
        for (target, source), name, live in zip(EDGES, architecture.op_names, alive, strict=True)
    ]
    words = ("in", "1", "2", "out")
    drawn += [disc(x, y, name, RADIUS) for (x, y), name in zip(PLACES, words, strict=True)]
    if not all(alive):
        what = "dashed: no signal passes" if any(alive) else "dashed: no signal reaches the output"
        drawn.append(text(180, 296, what, 11, opacity=0.75))
    sides = [image_size // 2**stage for stage in range(len(WIDTHS))]
    name = "1 cell" if cells == 1 else f"{cells} cells"
    stages = [(name, f"{wide} ch, {side}²") for wide, side in zip(stage_widths(channels), sides, strict=True)]
    stacked = strip(HEIGHT + 10, WIDTH, "Stacked as", [("stem", "3×3 conv"), *stages, ("pool", f"{num_classes} out")])
    return picture(WIDTH, HEIGHT + 66, TITLE, description(architecture), *drawn, stacked)


def nb201_thumbnail(architecture: NB201Architecture) -> Markup:
    """The cell without words, 120 by 92 pixels; colours tell the operations."""
    drawn = []
    for (target, source), name, live in zip(EDGES, architecture.op_names, live_edges(architecture), strict=True):
        if look(name).kind != "none":
            faint = None if live else "3 3"
            ends = [SMALL[source], SMALL[target]]
            stroke = {"stroke_dasharray": faint, "opacity": None if live else 0.5}
            drawn.append(line(ends, colour_of(look(name)), 3.0, **stroke))
    drawn += [disc(x, y, "", SMALL_RADIUS) for x, y in SMALL]
    return picture(SMALL_WIDTH, SMALL_HEIGHT, TITLE, description(architecture), *drawn)


def live_edges(architecture: NB201Architecture) -> list[bool]:
    """Of each edge in string order, whether what comes into the cell passes it on some way to the output."""
    edges = [(s, t) for (t, s), name in zip(EDGES, architecture.op_names, strict=True) if look(name).kind != "none"]
    fed, used = {0}, {3}
    for source, target in sorted(edges):
        if source in fed:
            fed.add(target)
    for source, target in sorted(edges, reverse=True):
        if target in used:
            used.add(source)
    return [(s, t) in edges and s in fed and t in used for t, s in EDGES]


def description(architecture: NB201Architecture) -> str:
    """All edges in words."""
    names = ("the input", "node 1", "node 2", "the output")
    told = []
    for (target, source), name, live in zip(EDGES, architecture.op_names, live_edges(architecture), strict=True):
        note = "" if live or look(name).kind == "none" else " (no signal passes)"
        told.append(f"{names[source]} to {names[target]}: {look(name).label}{note}")
    return "; ".join(told) + "."


def _edge(source: int, target: int, name: str, live: bool) -> Markup:
    (x0, y0), (x1, y1) = PLACES[source], PLACES[target]
    shown = look(name)
    size = 12 if shown.kind != "none" else 11
    wide, high = width_of(shown.label, size) + 14, 24.0
    dx, dy = x1 - x0, y1 - y0
    length = (dx**2 + dy**2) ** 0.5
    start = (x0 + dx / length * RADIUS, y0 + dy / length * RADIUS)
    tip = (x1 - dx / length * (RADIUS + 1), y1 - dy / length * (RADIUS + 1))
    end = (tip[0] - dx / length * 5, tip[1] - dy / length * 5)
    # Between nodes 1 and 2 the other edges are near at the top.
    place = 0.62 if (source, target) == (1, 2) else 0.5
    x, y = x0 + place * dx, y0 + place * dy
    # The line stops at the label: the page's colour, which would have to cover it, is not known here.
    reach = min(wide / 2 / abs(dx) if dx else 1.0, high / 2 / abs(dy) if dy else 1.0)
    before, after = (x - reach * dx, y - reach * dy), (x + reach * dx, y + reach * dy)
    colour, faint = colour_of(shown), not live
    stroke: dict[str, Any] = {"stroke_dasharray": "4 4", "opacity": 0.55} if faint else {}
    title = f"{'in' if source == 0 else source} → {'out' if target == 3 else target}: {name}"
    if shown.kind == "none":
        # Nothing is there: a hint of a line is enough.
        pale: dict[str, Any] = {"stroke_dasharray": "2 5", "opacity": 0.35}
        words = text(x, y, "none", size, opacity=0.55)
        return group(line([start, before], **pale), line([after, tip], **pale), words, title=title, class_="op op-none")
    return group(
        line([start, before], colour, 2.5, **stroke),
        line([after, end], colour, 2.5, **stroke),
        head(tip, (dx, dy), colour, 9),
        box(x, y, wide, high, shown, [shown.label], size, faint=faint),
        title=title + ("" if live else ", no signal passes"),
    )
