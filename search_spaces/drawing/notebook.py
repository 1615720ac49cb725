"""What cards in a notebook are made of: light, without scripts, in the notebook's own colours; all text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from search_spaces.drawing.svg import Markup, element

LINE = "1px solid rgba(128,128,128,.35)"
FAINT = "opacity:.75"


def card(*parts: str) -> Markup:
    """The box around all."""
    style = f"border:{LINE};border-radius:8px;padding:.8em 1em;max-width:1100px;color:inherit;text-align:left"
    return element("div", *parts, style=style)


def heading(name: str, pill: str, words: str) -> Markup:
    """A name, a short word in a frame, and what else the first line says."""
    frame = f"border:{LINE};border-radius:1em;padding:.05em .6em;font-size:.85em;margin:0 .6em"
    strong = element("strong", name, style="font-size:1.1em")
    return element("div", strong, element("span", pill, style=frame), element("span", words))


def facts(*words: str) -> Markup:
    """Lines below the heading; empty ones are left out."""
    lines = [part for line in words if line for part in (element("br"), line)]
    return element("div", *lines[1:], style=f"{FAINT};font-size:.92em;margin:.15em 0 .6em")


def small(words: str) -> Markup:
    """A line above what it names."""
    return element("div", words, style=f"{FAINT};font-size:.85em;margin-bottom:.2em")


def columns(*parts: str) -> Markup:
    """Parts beside each other, or below each other where there is no room."""
    shown = [element("div", part, style="flex:1 1 300px;min-width:0;max-width:560px") for part in parts]
    return element("div", *shown, style="display:flex;flex-wrap:wrap;gap:1.2em;align-items:flex-start")


def picture(drawing: Markup, words: str = "") -> Markup:
    """A drawing, which scrolls where it is wider than its place."""
    above = [small(words)] if words else []
    return element("div", *above, element("div", drawing, style="overflow-x:auto"))


def table(names: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[str] = ()) -> Markup:
    """Rows of cells, each as long as the names, numbers to the right. left: names of columns of words."""
    sides = ["left" if name in left else "right" for name in names]
    styles = [f"text-align:{side};padding:.2em .6em;border-bottom:{LINE};white-space:nowrap" for side in sides]
    head = [element("th", name, scope="col", style=style) for name, style in zip(names, styles, strict=True)]
    body = [
        element("tr", *(element("td", cell, style=style) for cell, style in zip(row, styles, strict=True)))
        for row in rows
    ]
    shown = element(
        "table",
        element("thead", element("tr", *head)),
        element("tbody", *body),
        style="border-collapse:collapse;font-size:.92em;background:transparent;color:inherit",
    )
    return element("div", shown, style="overflow-x:auto")


def code(words: str, title: str | None = None) -> Markup:
    """Text of a fixed width. title: shown where the pointer rests on it."""
    style = "background:transparent;color:inherit;white-space:inherit;overflow-wrap:anywhere"
    return element("code", words, style=style, title=title)
