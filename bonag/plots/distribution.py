"""How the values of the trials are distributed: a search that does better has more of them at the good end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bonag.plots import notation, palette
from bonag.plots.canvas import canvas, empty
from bonag.plots.comparison import Run
from bonag.plots.measured import column, feasible
from bonag.plots.plot import Plot
from bonag.plots.zoom import leave_out_the_far
from loops import metric_units

# Steps of a curve; with more of them it looks the same.
_STEPS = 500


def distribution(runs: Sequence[Run], units: Mapping[str, str] = metric_units.NONE) -> Plot:
    """The share of the feasible trials whose first goal is at most x: the empirical distribution function.

    runs: a label, a history and an objective each; the trials of one label's runs are taken together.
    """
    objectives = {run[2] for run in runs}
    if len(objectives) != 1:
        return empty("", "share of trials (%)", "the runs have different objectives" if runs else "no runs")
    goal = objectives.pop().goals[0]
    values: dict[str, list[np.ndarray]] = {}
    for label, history, objective in runs:
        known = column(history.completed, goal.metric)
        values.setdefault(label, []).append(known[feasible(history.completed, objective) & np.isfinite(known)])
    sorted_values = {label: np.sort(np.concatenate(parts)) for label, parts in values.items()}
    found = {label: ordered for label, ordered in sorted_values.items() if len(ordered)}
    if not found:
        return empty("", "share of trials (%)", "no run has found anything yet")
    everything = np.concatenate(list(found.values()))
    unit = metric_units.unit(goal.metric, everything, units)
    x_title = notation.title(goal.metric, everything, units)
    figure = canvas(x_title, "share of trials (%)", showlegend=True, hovermode="x unified")
    shown = notation.hover_format(everything)
    for (label, ordered), look in zip(found.items(), palette.looks(list(found)), strict=True):
        places = np.unique(np.linspace(0, len(ordered) - 1, _STEPS).round().astype(int))
        name = notation.escape(label)
        figure.add_trace(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": ordered[places],
                "y": (100 * (places + 1) / len(ordered)).round(2),
                "line": {"color": look.screen, "width": 2, "shape": "hv"},
                "hovertemplate": f"%{{y:.1f}} %<extra>{name}</extra>",
            }
        )
    figure.update_xaxes(unifiedhovertitle_text=f"at most %{{x:{shown}}} {unit}")
    figure.update_yaxes(range=[0, 101])
    leave_out_the_far(figure, everything, goal.sign, axis="x")
    middles = [f"{label} {notation.number(float(np.median(v)), unit)}" for label, v in found.items()]
    return Plot(figure, f"Distribution of {goal.metric}, the median of each: {'; '.join(middles)}.")
