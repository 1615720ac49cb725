"""What one trial reported while it ran, among the other trials of its run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bonag.plots import notation
from bonag.plots.canvas import canvas, empty
from bonag.plots.palette import BEST, GRID
from bonag.plots.plot import Part, Plot
from loops import metric_units
from loops.history import History, Trial

# Curves of other trials that are drawn; of more, the latest.
OTHERS = 50


def trial_curve(history: History, index: int, metric: str, units: Mapping[str, str] = metric_units.NONE) -> Plot:
    """A metric of a trial by step, with the curves of other trials of the run faint behind it."""
    trial = next(one for one in history if one.index == index)
    steps, values = points_of(trial, metric)
    y_title = notation.title(metric, values, units)
    if not len(steps):
        return empty("step", y_title, f"trial {index} has not reported it")
    figure = canvas("step", y_title)
    others = [one for one in history if one.index != index and points_of(one, metric)[0].size][-OTHERS:]
    if others:
        figure.add_trace(_behind(others, metric))
    shown, unit = notation.hover_format(values), metric_units.unit(metric, values, units)
    figure.add_trace(
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": f"trial {index}",
            "x": steps,
            "y": values,
            "line": {"color": BEST, "width": 2.5},
            "marker": {"color": BEST, "size": 5},
            "hovertemplate": f"step %{{x:,}}: %{{y:{shown}}} {unit}<extra>trial {index}</extra>",
        }
    )
    last = notation.number(float(values[-1]), unit)
    text = f"{metric} of trial {index} by step: {notation.count(len(steps), 'report')}, {last} at step {steps[-1]:,}"
    return Plot(figure, text + (f"; behind it {notation.count(len(others), 'other trial')}." if others else "."))


def reported_metrics(trial: Trial, first: tuple[str, ...]) -> list[str]:
    """What a trial reported, the metrics of ``first`` first."""
    known = {name: None for point in trial.curve for name in point.metrics}
    return [*(name for name in first if name in known), *(name for name in known if name not in first)]


def points_of(trial: Trial, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """(n,) steps and (n,) values of a metric."""
    found = [(point.step, point.metrics[metric]) for point in trial.curve if metric in point.metrics]
    rows = np.array(found, dtype=np.float64).reshape(-1, 2)
    return rows[:, 0].astype(np.int64), rows[:, 1]


def _behind(trials: list[Trial], metric: str) -> Part:
    """All curves as one trace with gaps, so that a figure of many trials stays small."""
    gap = np.array([np.nan])
    curves = [points_of(trial, metric) for trial in trials]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "other trials",
        "x": np.concatenate([np.concatenate([steps, gap]) for steps, _ in curves]),
        "y": np.concatenate([np.concatenate([values, gap]) for _, values in curves]),
        "line": {"color": GRID, "width": 1},
        "hoverinfo": "skip",
    }
