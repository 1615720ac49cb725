"""Ax's figures, fitted to the page: the same marks and numbers, drawn so that they can be read there."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import Any

import numpy as np

# Ticks with a name each that an axis has room for.
TICKS = 16
LETTERS = 16
# Letters of an axis's title that are set smaller.
LONG = 28


def fit_figure(figure: dict[str, Any]) -> dict[str, Any]:
    """A figure's data and layout, without what would crowd it out or cannot be drawn here."""
    traces, layout = list(figure.get("data") or []), dict(figure.get("layout") or {})
    for name in [name for name in layout if name.startswith(("xaxis", "yaxis"))]:
        layout[name] = _titled(_thin_ticks(dict(layout[name]), traces))
    layout["margin"] = {"t": 16, "r": 16, "b": 44, "l": 56}
    if "legend" in layout:
        layout["legend"] = {**layout["legend"], "orientation": "h", "x": 0, "xanchor": "left", "y": 1.02}
        layout["legend"]["yanchor"] = "bottom"
    return {"data": _merge_marks(traces), "layout": layout}


def numbers(values: Any) -> np.ndarray:
    """A list of Plotly's, or its binary form, as an array; object where it holds no numbers."""
    if isinstance(values, dict) and "bdata" in values:
        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=np.dtype(values["dtype"]))
    return np.asarray(values if values is not None else [], dtype=object)


def _thin_ticks(axis: dict[str, Any], traces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The axis with as many ticks as there is room for."""
    axis.pop("domain", None) if "anchor" in axis and len(traces) == 1 else None
    if axis.get("dtick") == 1:
        del axis["dtick"]
    ticks, texts = axis.get("tickvals"), axis.get("ticktext")
    if isinstance(ticks, list) and len(ticks) > TICKS:
        step = -(-len(ticks) // TICKS)
        axis["tickvals"] = ticks[::step]
        if isinstance(texts, list):
            axis["ticktext"] = texts[::step]
    if isinstance(axis.get("ticktext"), list):
        axis["ticktext"] = [_short(str(text)) for text in axis["ticktext"]]
    return axis


def _titled(axis: dict[str, Any]) -> dict[str, Any]:
    """The axis with its title in the size that all figures of the pages have, or less where it is long."""
    title = axis.get("title")
    text = title.get("text") if isinstance(title, dict) else title
    return {**axis, "title": {"text": text, "font": {"size": 13 if len(text) <= LONG else 10}}} if text else axis


def _short(text: str) -> str:
    """A tick's text, cut where it would take the figure's room; then escaped, for a part is not known as a name."""
    return text if len(text) <= LETTERS else html.escape(f"{text[: LETTERS - 1]}…", quote=False)


def _merge_marks(traces: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Traces of one mark each as one trace: a browser draws 500 of them a hundred times faster so.

    A scale of colours, which each of them has, is drawn once.
    """
    single = [trace for trace in traces if _is_single(trace)]
    if len(single) < 2:
        return list(traces)
    markers = [trace.get("marker") or {} for trace in single]
    first, scale = single[0], next((one for one in markers if one.get("showscale")), None)
    marker: dict[str, Any] = {"color": [one.get("color") for one in markers], "size": 7}
    lines = [one.get("line") or {} for one in markers]
    if any(lines):
        marker["line"] = {
            "color": [line.get("color", "rgba(0,0,0,0)") for line in lines],
            "width": [line.get("width", 0) for line in lines],
        }
    made = {**first, "marker": marker, "showlegend": False, "name": ""}
    for name in ("x", "y"):
        made[name] = [numbers(trace.get(name)).tolist()[0] for trace in single]
    texts = [trace.get("text") for trace in single]
    made["text"] = [text[0] if isinstance(text, list) else text for text in texts]
    for name in ("error_x", "error_y"):
        errors = [numbers((trace.get(name) or {}).get("array")).tolist() for trace in single]
        made.pop(name, None)
        if any(error and error[0] for error in errors):
            bars = [error[0] if error else None for error in errors]
            made[name] = {"type": "data", "array": bars, "color": "rgba(128,128,128,0.45)", "thickness": 1, "width": 0}
    rest = [trace for trace in traces if not _is_single(trace)]
    if scale is not None:
        rest.append(_scale(scale))
    return [made, *rest]


def _is_single(trace: dict[str, Any]) -> bool:
    plain = trace.get("type", "scatter") == "scatter" and trace.get("mode") == "markers"
    return plain and not trace.get("showlegend") and len(numbers(trace.get("x"))) == 1


def _scale(marker: dict[str, Any]) -> dict[str, Any]:
    """An invisible trace that has the scale of colours."""
    title = (marker.get("colorbar") or {}).get("title", {})
    bar = {"thickness": 10, "len": 0.9, "outlinewidth": 0, "title": {**title, "side": "right"}}
    kept = {name: marker[name] for name in ("cmin", "cmax", "colorscale") if name in marker}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None],
        "y": [None],
        "hoverinfo": "skip",
        "showlegend": False,
        "marker": {**kept, "color": [marker.get("cmin", 0)], "showscale": True, "colorbar": bar},
    }
