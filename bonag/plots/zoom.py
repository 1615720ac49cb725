"""Where a figure begins to look, so that a few hopeless trials do not take most of its height."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bonag.plots.canvas import note
from bonag.plots.notation import count

if TYPE_CHECKING:
    import plotly.graph_objects as go

_FENCE = 3.0
_ROOM = 0.06


def leave_out_the_far(
    figure: go.Figure,
    values: np.ndarray,
    sign: float,
    keep: np.ndarray | None = None,
    least: float = 1.0,
    axis: str = "y",
    what: str | None = None,
) -> None:
    """Begin with an axis zoomed to the values that matter, and say how many lie outside.

    values: (n,) of the axis, of which larger ones are better if ``sign`` is 1, else smaller ones. keep: (n,) bool,
    values of which the share ``least`` must stay in sight. what: those outside in words, by default how many trials
    they are. Nothing is done unless the zoom at least doubles the scale.
    """
    signed = sign * values
    first, middle, best = np.quantile(signed, [0.25, 0.5, 1.0])
    fence = first - _FENCE * max(middle - first, best - middle)
    far = signed < fence
    if not far.any() or (keep is not None and (~far[keep]).sum() < least * keep.sum()):
        return
    low = signed[~far].min()
    if best - low > 0.5 * (best - signed.min()):
        return
    room = _ROOM * (best - low) or 1.0
    figure.update_layout({f"{axis}axis_range": sorted([sign * (low - 1.5 * room), sign * (best + room)])})
    where = {("x", True): "to the left", ("x", False): "to the right", ("y", True): "below", ("y", False): "above"}
    text = f"{what or count(int(far.sum()), 'trial')} {where[axis, sign > 0]} (double-click for all)"
    if axis == "x":
        x, anchor = (0.01, "left") if sign > 0 else (1.0, "right")
        note(figure, text, x, 0.99, xanchor=anchor, yanchor="top", font={"size": 11})
    else:
        y, anchor = (0.05, "bottom") if sign > 0 else (0.99, "top")
        note(figure, text, 1, y, xanchor="right", yanchor=anchor, font={"size": 11})


def leave_out_far_pairs(figure: go.Figure, x: np.ndarray, y: np.ndarray) -> None:
    """Begin with both axes zoomed to where most of the marks lie, and say how many lie outside.

    x, y: (n,) in the same unit, n > 0. The axes stay alike. Nothing is done unless the zoom at least doubles the scale.
    """
    first, third = np.quantile(x, [0.25, 0.75])
    fence = _FENCE * (third - first)
    ends = max(first - fence, x.min()), min(third + fence, x.max())
    inside = (x >= ends[0]) & (x <= ends[1]) & (y >= ends[0] - fence) & (y <= ends[1] + fence)
    if inside.all() or not inside.any():
        return
    seen = np.concatenate([x[inside], y[inside]])
    low, high = seen.min(), seen.max()
    if high - low > 0.5 * (max(x.max(), y.max()) - min(x.min(), y.min())):
        return
    room = _ROOM * (high - low) or 1.0
    figure.update_layout(xaxis_range=[low - room, high + room], yaxis_range=[low - room, high + room])
    text = f"{count(int((~inside).sum()), 'trial')} outside (double-click for all)"
    note(figure, text, 1, 0.05, xanchor="right", yanchor="bottom", font={"size": 11})
