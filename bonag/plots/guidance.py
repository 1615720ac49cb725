"""What guidance makes of a generator's samples, step by step of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bonag.plots import notation
from bonag.plots.canvas import canvas, empty
from bonag.plots.palette import BEST, INFEASIBLE, SERIES, TRIAL, faint
from bonag.plots.plot import Plot
from loops import metric_units

if TYPE_CHECKING:
    import pandas as pd

# What a kind is called, and its colour.
_LOOKS = {"unguided": ("by chance", INFEASIBLE), "guided": ("steered", BEST), "proposed": ("proposed", TRIAL)}
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def guidance(frame: pd.DataFrame, metric: str = "value", units: Mapping[str, str] = metric_units.NONE) -> Plot:
    """The metric of unguided and of guided samples after so many trials: median, quartiles, and 5 % to 95 %.

    frame: step (trials that were known), kind (``unguided``, ``guided``, or any other set) and value, one row per
    sample. Only the quantiles go into the figure, so single far-off samples do not squeeze it.
    """
    frame = frame[np.isfinite(frame["value"].to_numpy(dtype=np.float64))]
    values = frame["value"].to_numpy(dtype=np.float64)
    x_title, y_title = "after so many trials", notation.title(metric, values, units)
    if frame.empty:
        return empty(x_title, y_title, "no samples to show")
    figure = canvas(x_title, y_title, boxmode="group")
    shown, unit = notation.hover_format(values), metric_units.unit(metric, values, units)
    medians: dict[str, float] = {}
    for place, (kind, group) in enumerate(frame.groupby("kind", sort=False)):
        name, colour = _LOOKS.get(str(kind), (str(kind), SERIES[place % len(SERIES)]))
        table = group.groupby("step")["value"].quantile(np.array(_QUANTILES)).unstack()
        low, first, middle, third, high = (table[q].to_numpy(dtype=np.float64) for q in _QUANTILES)
        medians[name] = float(middle[-1])
        figure.add_trace(
            {
                "type": "box",
                "name": notation.escape(name),
                "x": [f"{step:,}" for step in table.index],
                "lowerfence": low,
                "q1": first,
                "median": middle,
                "q3": third,
                "upperfence": high,
                "line": {"color": colour, "width": 1.5},
                "fillcolor": faint(colour),
                "hoverinfo": "y",
                "yhoverformat": shown,
            }
        )
    steps = [f"{step:,}" for step in sorted(frame["step"].unique())]
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=steps, showgrid=False)
    said = ", ".join(f"{kind} {notation.number(value, unit)}" for kind, value in medians.items())
    return Plot(
        figure, f"Median {metric} of architectures, at the last of {notation.count(len(steps), 'step')}: {said}."
    )
