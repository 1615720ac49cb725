"""What all trials of a run reported while they ran."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bonag.plots import notation
from bonag.plots.canvas import canvas, empty
from bonag.plots.palette import BEST, FAILED, INFEASIBLE, TRIAL, faint
from bonag.plots.plot import Part, Plot
from bonag.plots.trial_curve import points_of
from loops import metric_units
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective

# Curves that are drawn; of more, the latest.
MOST = 200
_LOOKS = {
    TrialStatus.COMPLETED: faint(TRIAL, 0.45),
    TrialStatus.STOPPED: faint(INFEASIBLE, 0.6),
    TrialStatus.FAILED: faint(FAILED, 0.6),
    TrialStatus.ABANDONED: faint(FAILED, 0.6),
    TrialStatus.RUNNING: "#009E73",
}


def reported_metric(history: History, objective: Objective) -> str | None:
    """The metric whose curves say most: the first of the objective's that was reported, or any; None without curves."""
    reported = dict.fromkeys(name for trial in history for point in trial.curve[:1] for name in point.metrics)
    return next((name for name in (*objective.metrics, *reported) if name in reported), None)


def learning_curves(history: History, objective: Objective, units: Mapping[str, str] = metric_units.NONE) -> Plot:
    """A metric of each trial by step, one colour for each status; the best trial's is thicker, and the last drawn."""
    metric = reported_metric(history, objective)
    told = [] if metric is None else [trial for trial in history if len(points_of(trial, metric)[0])]
    if metric is None or not told:
        return empty("step", "", "no trial has reported anything while it ran")
    drawn = told[-MOST:]
    values = np.concatenate([points_of(trial, metric)[1] for trial in told])
    figure = canvas("step", notation.title(metric, values, units))
    shown, unit = notation.hover_format(values), metric_units.unit(metric, values, units)
    hover = f"<b>trial %{{customdata:,}}</b><br>step %{{x:,}}: %{{y:{shown}}} {unit}"
    best = _best(told, metric, objective)
    for status, colour in _LOOKS.items():
        chosen = [trial for trial in drawn if trial.status is status and trial is not best]
        if chosen:
            figure.add_trace(_curves(chosen, metric, str(status), {"color": colour, "width": 1.3}, hover))
    if best is not None:
        figure.add_trace(_curves([best], metric, f"trial {best.index}, the best", {"color": BEST, "width": 3}, hover))
    text = f"{metric} by step of {notation.count(len(told), 'trial')}"
    return Plot(figure, text + (f", of which the latest {MOST} are drawn." if len(told) > MOST else "."))


def _best(trials: list[Trial], metric: str, objective: Objective) -> Trial | None:
    done = [trial for trial in trials if trial.status is TrialStatus.COMPLETED and metric in trial.metrics]
    sign = objective.signs.get(metric)
    return None if sign is None or not done else max(done, key=lambda trial: sign * trial.metrics[metric])


def _curves(trials: list[Trial], metric: str, name: str, line: Part, hover: str) -> Part:
    """As one trace with gaps, so that a figure of many trials stays small."""
    gap = np.array([np.nan])
    curves = [(trial.index, *points_of(trial, metric)) for trial in trials]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": np.concatenate([np.concatenate([steps, gap]) for _, steps, _ in curves]),
        "y": np.concatenate([np.concatenate([values, gap]) for _, _, values in curves]),
        "customdata": np.concatenate([np.full(len(steps) + 1, index) for index, steps, _ in curves]),
        "line": line,
        "hovertemplate": f"{hover}<extra>{name}</extra>",
    }
