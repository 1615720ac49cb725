"""The cell of NAS-Bench-101, with the channels of its nodes in the first stack."""

from __future__ import annotations

from search_spaces.drawing.graph import Vertex, boxes, small_boxes
from search_spaces.drawing.looks import look
from search_spaces.drawing.shapes import strip
from search_spaces.drawing.svg import Markup
from search_spaces.nb101.architecture import NB101Architecture
from search_spaces.nb101.layout import CELLS_PER_STACK, STEM_WIDTH, node_widths, stack_widths

TITLE = "NAS-Bench-101 cell"


def nb101_drawing(
    architecture: NB101Architecture,
    num_classes: int,
    image_size: int,
    small: bool,
    channels: int = STEM_WIDTH,
    cells: int = CELLS_PER_STACK,
) -> Markup:
    """The cell, and below it how the network stacks it, 360 pixels wide. small: the cell without words."""
    vertices, edges = _vertices(architecture, channels), list(architecture.edges)
    if small:
        return small_boxes(vertices, edges, TITLE)
    parts = [("stem", f"{channels} ch")]
    side = image_size
    for stack, wide in enumerate(stack_widths(channels)):
        side = -(-side // 2) if stack else side
        parts.append(("1 cell" if cells == 1 else f"{cells} cells", f"{wide} ch, {side}²"))
    stacked = strip(0, 360, "Stacked as", [*parts, ("pool", f"{num_classes} out")])
    return boxes(vertices, edges, TITLE, stacked, 54)


def _vertices(architecture: NB101Architecture, channels: int) -> list[Vertex]:
    names = ("input", *architecture.op_names, "output")
    widths = node_widths(architecture.edges, len(names), channels)
    vertices = []
    for node, (name, wide) in enumerate(zip(names, widths, strict=True)):
        shown = look(name)
        inner = 0 < node < len(names) - 1
        title = f"node {node}: {name}" + (f", {wide} channels in the first stack" if inner else "")
        vertices.append(Vertex(shown, shown.lines, title))
    return vertices
