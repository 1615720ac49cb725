"""SVG markup in which every text is escaped."""

from __future__ import annotations

import re
from html import escape

# XML allows no other control characters than these white spaces.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


class Markup(str):
    """Text that is markup already. Any other text is escaped when it enters an element."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """One element. Attributes that are None are left out; ``stroke_width`` is written ``stroke-width``."""
    shown = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_write(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(child if isinstance(child, Markup) else _plain(child) for child in children)
    return Markup(f"<{tag}{shown}>{inner}</{tag}>" if inner else f"<{tag}{shown}/>")


def group(*children: str, title: str | None = None, **attributes: object) -> Markup:
    """Elements that belong together. title: shown where the pointer rests on them."""
    named = () if title is None else (element("title", title),)
    return element("g", *named, *children, **attributes)


def text(x: float, y: float, words: str, size: float = 12, **attributes: object) -> Markup:
    """A line of text in the colour of the page, whose middle is at (x, y) unless ``text_anchor`` says otherwise."""
    given = {"text_anchor": "middle", "dominant_baseline": "central", "fill": "currentColor", **attributes}
    return element("text", words, x=x, y=y, font_size=size, **given)


def picture(width: float, height: float, title: str, description: str, *children: str) -> Markup:
    """The whole drawing, in pixels at its natural size; it shrinks with its place, but never below legibility."""
    # Up to the width of a telephone's page it shrinks to fit; what is wider scrolls in its box.
    least = f";min-width:{_write(0.85 * width)}px" if width > 400 else ""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_write(width)} {_write(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=title,
        class_="architecture",
        font_family=FONT,
        style=f"max-width:100%;height:auto{least}",
    )


def _plain(words: str) -> str:
    return escape(_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", words), quote=False)


def _write(value: object) -> str:
    if isinstance(value, float):
        shown = f"{value:.2f}".rstrip("0").rstrip(".")
        return "0" if shown == "-0" else shown
    return escape(_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", str(value)))
