"""Ax's texts and figures without whatever stored text could make of them.

A name, a parameter's value or a reason of failure may hold anything. In a text, Markdown makes no links, images or raw
markup of it. In a figure Plotly takes some tags in labels for formatting, and makes links: there
stored text is replaced by its escaped form, and all other tags than those below, which Ax itself writes, are escaped.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any

import markdown

from bonag.ax.figures import fit_figure

# Of Markdown, what makes links, images or raw markup.
_UNWANTED = (
    "link", "image_link", "reference", "image_reference", "short_reference", "short_image_ref", "autolink", "automail",
    "html", "entity",
)  # fmt: skip
_OURS = re.compile(r"<(?!/?(?:b|i|br ?/?|extra|sub|sup)>)", re.IGNORECASE)
_LIST = re.compile(r"^(?!- )(.*\S.*)\n- ", re.MULTILINE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# What the page sets itself.
_LAYOUT = ("title", "width", "height", "template", "paper_bgcolor", "plot_bgcolor", "font", "autosize")


def safe_markdown(text: str) -> str:
    """Markdown as markup with emphasis, code, lists and tables only; whatever looks like a tag is shown as text."""
    converter = markdown.Markdown(extensions=["tables", "sane_lists"], output_format="html")
    for name in _UNWANTED:
        converter.inlinePatterns.deregister(name, strict=False)
    converter.preprocessors.deregister("html_block", strict=False)
    converter.parser.blockprocessors.deregister("reference", strict=False)
    # Without what knows tags, Markdown escapes each <. A list begins after an empty line, which Ax leaves out.
    return converter.convert(_LIST.sub(r"\1\n\n- ", _BREAK.sub("\n\n", text)))


def safe_figure(blob: str, stored: Iterable[str]) -> str:
    """A figure's JSON with all text made harmless, and without what the page sets.

    stored: names and other texts of the experiment, which are shown as they are.
    """
    figure = json.loads(blob)
    texts = sorted({text for text in stored if re.search("[<>&]", text)}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, texts))) if texts else None
    layout = {name: value for name, value in (figure.get("layout") or {}).items() if name not in _LAYOUT}
    kept = fit_figure({"data": figure.get("data"), "layout": layout})
    return json.dumps(_harmless(kept, pattern), allow_nan=False, default=str).replace("</", "<\\/")


def _harmless(value: Any, stored: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        if "<" not in value and "&" not in value:
            return value
        if stored is not None:
            value = stored.sub(lambda match: html.escape(match[0], quote=False), value)
        return _OURS.sub("&lt;", value)
    if isinstance(value, list):
        return [_harmless(item, stored) for item in value]
    if isinstance(value, dict):
        return {name: _harmless(item, stored) for name, item in value.items()}
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
