"""Any architecture graph, drawn in layers from its inputs at the top to its outputs at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search_spaces import ArchGraph, SearchSpace
from search_spaces.drawing.layering import Point, lay_out
from search_spaces.drawing.looks import Look, look
from search_spaces.drawing.shapes import box, head, width_of
from search_spaces.drawing.svg import Markup, element, group, picture

LEAST, MOST = 360.0, 20
SIZE = 12.0


@dataclass(frozen=True)
class Vertex:
    """A box. lines: its words. title: what is told where the pointer rests on it."""

    look: Look
    lines: tuple[str, ...]
    title: str


def graph_drawing(space: SearchSpace, graph: ArchGraph, title: str, small: bool = False) -> Markup:
    """The graph with one box per operation; operations that stand for an absent node are left out.

    small: without words, about 120 pixels wide.
    """
    vertices, edges = present(space, graph)
    return small_boxes(vertices, edges, title) if small else boxes(vertices, edges, title)


def present(space: SearchSpace, graph: ArchGraph) -> tuple[list[Vertex], list[tuple[int, int]]]:
    """The nodes that are there, and the edges between them as pairs of places in that list."""
    joined = (graph.adjacency | graph.adjacency.T).sum(axis=0) > 0
    names = [space.op_names[op] for op in graph.ops.tolist()]
    kept = [
        node
        for node, (name, op) in enumerate(zip(names, graph.ops.tolist(), strict=True))
        if not (name.lower() == "absent" or (op == space.null_op and not joined[node]))
    ]
    vertices = [Vertex(look(names[node]), _lines(look(names[node])), f"node {node}: {names[node]}") for node in kept]
    return vertices, [(int(i), int(j)) for i, j in np.argwhere(graph.adjacency[np.ix_(kept, kept)])]


def describe(vertices: Sequence[Vertex], edges: Sequence[tuple[int, int]]) -> str:
    """The graph in words: every box with where its input comes from."""
    parts = []
    for place, vertex in enumerate(vertices):
        sources = [str(i + 1) for i, j in edges if j == place]
        parts.append(f"{place + 1} {vertex.look.label}" + (f" after {' and '.join(sources)}" if sources else ""))
    return "; ".join(parts) + "." if parts else "Empty."


def boxes(
    vertices: Sequence[Vertex],
    edges: Sequence[tuple[int, int]],
    title: str,
    below: Markup | None = None,
    below_height: float = 0.0,
) -> Markup:
    """The drawing itself, at least 360 pixels wide. below: what stands under the graph."""
    lines = max((len(vertex.lines) for vertex in vertices), default=1)
    widths = [max(max(width_of(words, SIZE) for words in vertex.lines) + 14, 44.0) for vertex in vertices]
    high = 14.0 * lines + 12
    layout = lay_out(widths, high, edges)
    width = max(LEAST, layout.width + 4)
    left, top = (width - layout.width) / 2, 2.0
    drawn = [_route([(x + left, y + top) for x, y in route]) for route in layout.routes]
    for vertex, wide, (x, y) in zip(vertices, widths, layout.centres, strict=True):
        drawn.append(box(x + left, y + top, wide, high, vertex.look, vertex.lines, SIZE, vertex.title))
    height = layout.height + 4
    if below is not None:
        drawn.append(group(below, transform=f"translate({(width - LEAST) / 2:.1f} {height + 12:.1f})"))
        height += 12 + below_height
    return picture(width, height, title, describe(vertices, edges), *drawn)


def small_boxes(vertices: Sequence[Vertex], edges: Sequence[tuple[int, int]], title: str) -> Markup:
    """A drawing of coloured boxes without words."""
    layout = lay_out([18.0] * len(vertices), 9.0, edges, gap=(5.0, 8.0))
    width = max(120.0, layout.width + 4)
    left = (width - layout.width) / 2
    drawn = [_route([(x + left, y + 2) for x, y in route], 1.0) for route in layout.routes]
    for vertex, (x, y) in zip(vertices, layout.centres, strict=True):
        drawn.append(box(x + left, y + 2, 18, 9, vertex.look, (), title=vertex.title))
    return picture(width, layout.height + 4, title, describe(vertices, edges), *drawn)


def _lines(shown: Look) -> tuple[str, ...]:
    return tuple(words if len(words) <= MOST else words[: MOST - 1] + "…" for words in shown.lines)


def _route(points: Sequence[Point], width: float = 1.5) -> Markup:
    """A curve through the points, straight beside the boxes of a layer, with an arrowhead at its end."""
    size = 6.0 if width > 1 else 0.0
    x0, y0 = points[0]
    path = [f"M{x0:.1f} {y0:.1f}"]
    last = len(points) - 1
    for place, (x, y) in enumerate(points[1:], start=1):
        end = y - size if place == last else y
        if place % 2 == 1:
            bend = (end - y0) / 2
            path.append(f"C{x0:.1f} {y0 + bend:.1f} {x:.1f} {end - bend:.1f} {x:.1f} {end:.1f}")
        else:
            path.append(f"L{x:.1f} {end:.1f}")
        x0, y0 = x, y
    curve = element("path", d=" ".join(path), fill="none", stroke="currentColor", stroke_width=width)
    tip = (head(points[-1], (0, 1), size=size),) if size else ()
    return group(curve, *tip, opacity=0.6, class_="edge")
