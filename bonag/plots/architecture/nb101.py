"""The cell of NAS-Bench-101, with the channels of its nodes in the first stack."""

from __future__ import annotations

from bonag.plots.architecture.graph import Vertex, boxes, small_boxes, told
from bonag.plots.architecture.ops import look
from bonag.plots.architecture.shapes import strip
from bonag.plots.architecture.svg import Markup
from search_spaces.nb101.cell import NB101Architecture
from search_spaces.nb101.layout import CELLS_PER_STACK, STACK_WIDTHS, STEM_WIDTH, node_widths

TITLE = "NAS-Bench-101 cell"


def nb101_cell(architecture: NB101Architecture, num_classes: int, image_size: int) -> Markup:
    """The cell, and below it how the network stacks it; 360 pixels wide."""
    vertices = _vertices(architecture)
    edges = list(architecture.edges)
    parts = [("stem", f"{STEM_WIDTH} ch")]
    side = image_size
    for stack, wide in enumerate(STACK_WIDTHS):
        side = -(-side // 2) if stack else side
        parts.append((f"{CELLS_PER_STACK} cells", f"{wide} ch, {side}²"))
    stacked = strip(0, 360, "Stacked as", [*parts, ("pool", f"{num_classes} out")])
    return boxes(vertices, edges, TITLE, told(vertices, edges), stacked, 54)


def nb101_thumbnail(architecture: NB101Architecture) -> Markup:
    """The cell without words."""
    vertices, edges = _vertices(architecture), list(architecture.edges)
    return small_boxes(vertices, edges, TITLE, told(vertices, edges))


def _vertices(architecture: NB101Architecture) -> list[Vertex]:
    names = ("input", *architecture.op_names, "output")
    widths = node_widths(architecture.edges, len(names), STACK_WIDTHS[0])
    vertices = []
    for node, (name, wide) in enumerate(zip(names, widths, strict=True)):
        shown = look(name)
        inner = 0 < node < len(names) - 1
        title = f"node {node}: {name}" + (f", {wide} channels in the first stack" if inner else "")
        vertices.append(Vertex(shown, shown.lines, title))
    return vertices
