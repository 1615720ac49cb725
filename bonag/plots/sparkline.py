"""The progress of a run as one small line, without any script."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bonag.plots import notation
from bonag.plots.curves import best_so_far, extent, volume_share
from bonag.plots.palette import BEST
from loops import metric_units
from loops.gain import heights
from loops.history import History
from loops.objective import Objective
from search_spaces.drawing.svg import Markup, element

WIDTH, HEIGHT, _MARGIN = 280, 56, 4


# Of ``rise_path``, whose picture is as wide as it has points.
RISE_HEIGHT = 20


def rise_path(rise: Sequence[float]) -> str:
    """The ``d`` of a step line through numbers from 0 to 1, one unit apart, on a picture ``RISE_HEIGHT`` high."""
    ys = [round(1 + (RISE_HEIGHT - 2) * (1 - value)) for value in rise]
    changes = [f"H{place}V{y}" for place, y in enumerate(ys) if place and y != ys[place - 1]]
    return f"M0 {ys[0]}{''.join(changes)}H{len(ys)}" if ys else ""


def sparkline(history: History, objective: Objective) -> Markup | None:
    """The best value so far, or of several goals the dominated share, as an inline SVG; None while nothing is found."""
    if len(objective.goals) > 1:
        box = extent([history], objective)
        curve = np.zeros(0) if box is None else volume_share(history, objective, box)
        name, sign, last = "dominated share of the hypervolume", 1.0, 100 * curve[-1:]
        unit = "%"
    else:
        metric = objective.goal.metric
        curve, name, sign = best_so_far(history, objective), f"best {metric}", objective.goal.sign
        unit, last = metric_units.unit(metric, curve), curve[-1:]
    found = np.isfinite(curve)
    if not found.any():
        return None
    said = f"{name} over {notation.count(len(history), 'trial')}, {notation.number(float(last[0]), unit)} at the end"
    height = np.array(heights(sign * curve[found]))
    x = _MARGIN + (WIDTH - 2 * _MARGIN) * np.flatnonzero(found) / max(len(curve) - 1, 1)
    y = HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * height
    changes = np.flatnonzero(np.diff(y, prepend=np.nan) != 0)
    path = f"M{x[0]:.1f} {y[0]:.1f}" + "".join(f"H{x[i]:.1f}V{y[i]:.1f}" for i in changes[1:]) + f"H{x[-1]:.1f}"
    return element(
        "svg",
        element("title", said),
        element("path", d=path, fill="none", stroke=BEST, stroke_width=2, stroke_linejoin="round"),
        element("circle", cx=float(x[-1]), cy=float(y[-1]), r=3, fill=BEST),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label=said,
        style="max-width:100%",
    )
