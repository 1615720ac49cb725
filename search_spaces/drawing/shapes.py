"""What all drawings are made of: boxes of operations, lines with arrowheads, and a strip for the stacking of cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

from search_spaces.drawing.looks import Look
from search_spaces.drawing.svg import Markup, element, group, text

Point = tuple[float, float]
# Wider than most letters of the fonts that may come, so that no label leaves its box.
LETTER = 0.56
HEAD = 7.0


def width_of(words: str, size: float) -> float:
    """About how wide a line of text is, in pixels."""
    return LETTER * size * len(words)


def colour_of(look: Look) -> str:
    """The operation's colour, or the text's."""
    return look.colour or "currentColor"


def box(
    x: float,
    y: float,
    width: float,
    height: float,
    look: Look,
    lines: Sequence[str],
    size: float = 12,
    title: str | None = None,
    faint: bool = False,
) -> Markup:
    """A tinted box around (x, y) with lines of text; faint ones are dashed."""
    rect = element(
        "rect",
        x=x - width / 2,
        y=y - height / 2,
        width=width,
        height=height,
        rx=min(6.0, height / 4),
        fill="none" if faint else colour_of(look),
        fill_opacity=None if faint else 0.06 if look.kind == "end" else 0.16,
        stroke=colour_of(look),
        stroke_width=1.5,
        stroke_opacity=0.5 if look.kind == "end" else None,
        stroke_dasharray="3 3" if faint else None,
    )
    leading = size + 2
    first = y - leading * (len(lines) - 1) / 2
    words = [text(x, first + leading * place, line, size) for place, line in enumerate(lines)]
    return group(rect, *words, title=title, class_=f"op op-{look.kind}", opacity=0.5 if faint else None)


def line(points: Sequence[Point], colour: str = "currentColor", width: float = 1.5, **attributes: object) -> Markup:
    """A polyline without arrowhead."""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element("polyline", points=places, fill="none", stroke=colour, stroke_width=width, **attributes)


def head(at: Point, towards: Point, colour: str = "currentColor", size: float = HEAD) -> Markup:
    """An arrowhead whose tip is ``at``; ``towards``: the direction in which it points."""
    length = math.hypot(*towards) or 1.0
    dx, dy = towards[0] / length * size, towards[1] / length * size
    x, y = at
    corners = [(x, y), (x - dx - dy / 2, y - dy + dx / 2), (x - dx + dy / 2, y - dy - dx / 2)]
    return element("polygon", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners), fill=colour)


def disc(x: float, y: float, words: str, radius: float = 14) -> Markup:
    """A node of a cell."""
    circle = element(
        "circle",
        cx=x,
        cy=y,
        r=radius,
        fill="currentColor",
        fill_opacity=0.08,
        stroke="currentColor",
        stroke_width=1.5,
    )
    return group(circle, text(x, y, words, 12, font_weight=600)) if words else circle


def strip(y: float, width: float, heading: str, parts: Sequence[tuple[str, str]], marked: Sequence[int] = ()) -> Markup:
    """A row of boxes with two lines each, 52 pixels high: how the network is stacked. marked: places that stand out."""
    gap = 5.0
    natural = [max(width_of(first, 10.5), width_of(second, 9.5)) + 8 for first, second in parts]
    stretch = (width - gap * (len(parts) - 1)) / sum(natural)
    drawn, x = [text(0, y + 5, heading, 11, text_anchor="start", opacity=0.75)], 0.0
    for place, ((first, second), wide) in enumerate(zip(parts, natural, strict=True)):
        wide *= stretch
        strong = place in marked
        drawn.append(
            element(
                "rect",
                x=x + 0.5,
                y=y + 16,
                width=wide - 1,
                height=34,
                rx=4,
                fill="currentColor",
                fill_opacity=Markup("0.14" if strong else "0.05"),
                stroke="currentColor",
                stroke_opacity=Markup("0.45" if strong else "0.25"),
            )
        )
        drawn.append(text(x + wide / 2, y + 27, first, 10.5, font_weight=600 if strong else 500))
        drawn.append(text(x + wide / 2, y + 40, second, 9.5, opacity=0.75))
        x += wide + gap
    return group(*drawn, class_="stack")
