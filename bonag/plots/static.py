"""Figures for papers: matplotlib, one panel, as wide as a column."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bonag.plots import palette
from bonag.plots.comparison import Run, measured_bands
from bonag.plots.curves import best_so_far
from bonag.plots.measured import column, feasible, indices, why_empty
from bonag.plots.pareto import better_sign, edge_order, front_of, pareto_metrics
from bonag.plots.plot import Part
from bonag.plots.seconds import scale_of, seconds_of_trials
from bonag.plots.static_axes import (
    FORMATS,
    marks,
    plain,
    query_scale,
    regret_scale,
    reproducible,
    save,
    style,
    svg_text,
)
from loops import metric_units
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WHAT = ("progress", "regret", "pareto", "seconds")
# A column of most two-column journals, in inches.
WIDTH = 3.5
_SHAPE = 0.68
# Distances up to this from the best are none, as in the benchmarks.
_TOLERANCE = 1e-9


def write(
    runs: Sequence[Run],
    path: Path,
    what: str | None = None,
    width: float = WIDTH,
    height: float | None = None,
    best: float | None = None,
    x: str | None = None,
    y: str | None = None,
) -> str:
    """Draw runs and write the figure whole or not at all; returns what was drawn.

    runs: a label (its strategy), a history and its objective each; runs of one label are its seeds.
    what: one of ``WHAT``; by default what suits the runs. width, height: inches. best: of regret, the best value that
    is possible. x, y: of pareto, metrics. Raises UserError for an unknown suffix, for runs that cannot be drawn
    together or not so, and where there is nothing to draw.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise UserError(f"{path} must end in one of {known}, to say which format is meant")
    chosen = what or default_what(runs)
    with reproducible(**_settings()):
        save(make_figure(runs, chosen, width, height, best, x, y), path)
    return chosen


def still(run: Run, what: str, width: float, summary: str, x: str | None = None, y: str | None = None) -> str | None:
    """The figure of one run as an SVG element for a page; None where there is nothing to draw.

    summary: what it says to those who do not see it. The rest is as of ``write``.
    """
    with reproducible(**_settings()):
        try:
            text = svg_text(make_figure([run], what, width, x=x, y=y))
        except UserError:
            return None
    return text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{escape(summary)}" ', 1)


def default_what(runs: Sequence[Run]) -> str:
    """Progress of one run, regret of several, the front where there are several goals."""
    if len(runs[0][2].goals) > 1:
        return "pareto"
    return "progress" if len(runs) == 1 else "regret"


def make_figure(
    runs: Sequence[Run],
    what: str,
    width: float = WIDTH,
    height: float | None = None,
    best: float | None = None,
    x: str | None = None,
    y: str | None = None,
) -> Figure:
    """The figure that ``write`` writes."""
    from matplotlib.figure import Figure

    if what not in WHAT:
        raise UserError(f"unknown figure '{what}': {suggestion(what, WHAT)}")
    objective = runs[0][2]
    different = next((run[2] for run in runs if run[2] != objective), None)
    if different is not None:
        raise UserError(f"the runs have different objectives: {objective}, and {different}")
    figure = Figure(figsize=(width, height or _SHAPE * width), layout="constrained")
    axes = figure.subplots()
    if what == "pareto":
        _pareto(axes, runs, *pareto_metrics([run[1] for run in runs], objective, x, y))
    elif what == "seconds":
        _seconds(axes, runs)
    elif what == "progress" and len(runs) == 1 and len(objective.goals) == 1:
        _trials(axes, runs[0])
    else:
        _bands(axes, runs, what == "regret", best)
    plain(axes)
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside upper center", ncols=max(1, int(width / 1.4)), frameon=False)
    return figure


def _settings() -> Part:
    sizes = ("axes.labelsize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")
    return {"font.size": 8, "axes.linewidth": 0.6, **dict.fromkeys(sizes, 8)}


def _bands(axes: Axes, runs: Sequence[Run], regret: bool, best: float | None) -> None:
    found = measured_bands(runs, regret, best)
    if found is None:
        raise UserError("no trial to draw: nothing that meets the constraints was found")
    for band, look in zip(found.bands, palette.looks([band.label for band in found.bands]), strict=True):
        trials = np.arange(1, len(band.middle) + 1)
        line = style(band.label, look) | {"markersize": 3.0, "linewidth": 1.4}
        if band.runs > 1:
            axes.fill_between(trials, band.low, band.high, step="post", color=look.ink, alpha=0.15, linewidth=0)
        axes.plot(trials, band.middle, drawstyle="steps-post", label=band.label, markevery=marks(len(trials)), **line)
    longest = max(len(band.middle) for band in found.bands)
    if regret:
        medians = np.concatenate([band.middle for band in found.bands])
        drawn = np.concatenate([medians, *(edge for band in found.bands for edge in (band.low, band.high))])
        drawn, medians = drawn[np.isfinite(drawn)], medians[np.isfinite(medians)]
        regret_scale(axes, drawn, medians, drawn, _TOLERANCE)
    query_scale(axes, longest)
    axes.set_xlabel("trials")
    axes.set_ylabel(f"{found.name}{f' ({found.unit})' if found.unit else ''}")


def _trials(axes: Axes, run: Run) -> None:
    _, history, objective = run
    metric = objective.goal.metric
    drawn = [trial for trial in history.completed if np.isfinite(column([trial], metric)).all()]
    if not drawn:
        raise UserError(f"nothing to draw: {why_empty(history)}")
    numbers, met = column(drawn, metric), feasible(drawn, objective)
    for name, which, look in _groups(met, bool(objective.constraints)):
        axes.plot(indices(drawn)[which], numbers[which], linestyle="", label=name, **look)
    best = best_so_far(history, objective)
    if np.isfinite(best).any():
        axes.plot(
            indices(history.trials), best, drawstyle="steps-post", color=palette.BEST, label="best so far", lw=1.6
        )
    axes.set_xlabel("trial")
    axes.set_ylabel(_title(metric, numbers))


def _pareto(axes: Axes, runs: Sequence[Run], x: str, y: str) -> None:
    labels = list(dict.fromkeys(run[0] for run in runs))
    objective = runs[0][2]
    everything = [np.empty(0)], [np.empty(0)]
    for label, look in zip(labels, palette.looks(labels), strict=True):
        trials = [trial for run in runs if run[0] == label for trial in run[1].completed]
        xs, ys = column(trials, x), column(trials, y)
        known = np.isfinite(xs) & np.isfinite(ys)
        met = feasible(trials, objective)[known]
        xs, ys = xs[known], ys[known]
        for kept, values in zip(everything, (xs, ys), strict=True):
            kept.append(values)
        one = len(labels) == 1
        for name, which, dots in _groups(met, bool(objective.constraints)):
            dots |= {} if one or name == "infeasible" else {"color": look.ink, "alpha": 0.25}
            axes.plot(xs[which], ys[which], linestyle="", label=name if one else None, **dots)
        x_sign, y_sign = better_sign(x, objective), better_sign(y, objective)
        front = front_of(xs, ys, met, x_sign, y_sign)
        if front.any():
            order = edge_order(xs[front], ys[front], y_sign or 1.0)
            steps = "steps-post" if x_sign == -1 else "steps-pre"
            ink = palette.FRONT if one else look.ink
            line: Part = {"color": ink, "marker": "D" if one else look.marker, "markersize": 3.5, "linewidth": 1.2}
            axes.plot(xs[front][order], ys[front][order], drawstyle=steps, label="front" if one else label, **line)
    if not sum(map(len, everything[0])):
        raise UserError(f"nothing to draw: no trial has both {x} and {y}")
    for constraint in objective.constraints:
        for metric, line_at in ((x, axes.axvline), (y, axes.axhline)):
            if constraint.metric == metric:
                line_at(constraint.bound, color=palette.FEASIBLE_REGION, lw=1, linestyle="--", label=str(constraint))
    axes.set_xlabel(_title(x, np.concatenate(everything[0])))
    axes.set_ylabel(_title(y, np.concatenate(everything[1])))


def _seconds(axes: Axes, runs: Sequence[Run]) -> None:
    if len(runs) > 1:
        raise UserError("the figure of seconds is of one run")
    history = runs[0][1]
    proposals, evaluations = seconds_of_trials(history)
    if not (np.isfinite(proposals).any() or np.isfinite(evaluations).any()):
        raise UserError("nothing to draw: no times were recorded")
    unit, scale = scale_of(float(np.nansum(proposals) + np.nansum(evaluations)))
    parts = [np.nancumsum(own) / scale for own in (evaluations, proposals)]
    colours = [palette.TRIAL, palette.BEST]
    axes.stackplot(indices(history.trials), *parts, labels=["evaluations", "proposals"], colors=colours, alpha=0.75)
    axes.set_xlabel("trial")
    axes.set_ylabel(f"time spent ({unit})")


def _groups(met: np.ndarray, constrained: bool) -> list[tuple[str, np.ndarray, Part]]:
    round_ = {"marker": "o", "markersize": 2.6, "markeredgewidth": 0.6}
    infeasible = {**round_, "color": palette.INFEASIBLE, "alpha": 0.6, "fillstyle": "none"}
    groups: list[tuple[str, np.ndarray, Part]] = [
        ("infeasible", ~met, infeasible),
        ("feasible" if constrained else "trials", met, {**round_, "color": palette.TRIAL, "alpha": 0.6}),
    ]
    return [group for group in groups if group[1].any()]


def _title(metric: str, values: np.ndarray) -> str:
    unit = metric_units.unit(metric, values)
    return f"{metric} ({unit})" if unit else metric
