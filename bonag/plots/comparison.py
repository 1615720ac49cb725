"""Several runs against each other: the median of each label's runs, with its quartiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bonag.plots import notation, palette
from bonag.plots.canvas import canvas, empty
from bonag.plots.curves import best_so_far, ended_at, extent, in_order_of_ends, volume_share
from bonag.plots.marks import steps
from bonag.plots.notation import ones_twos_fives
from bonag.plots.plot import Part, Plot
from bonag.plots.seconds import scale_of
from bonag.plots.zoom import leave_out_the_far
from loops import metric_units
from loops.history import History
from loops.objective import Objective

if TYPE_CHECKING:
    import plotly.graph_objects as go

Run = tuple[str, History, Objective]
_NOTHING = 1e300
# Points of a median at which the pointer shows it beside the others'; and of a curve on a clock.
_HOVERED = _MOMENTS = 500


@dataclass(frozen=True)
class Band:
    """The curves of a label's runs after 1 to n trials.

    low, middle, high: (n,) quartiles, nan while fewer than the half have found anything. runs: how many there are.
    x: (n,) trials, or seconds since the run began.
    """

    label: str
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray
    runs: int
    x: np.ndarray


@dataclass(frozen=True)
class Bands:
    """What a comparison draws. name: of what is on the y axis, not escaped. unit: of it. sign: 1 if more is better."""

    bands: tuple[Band, ...]
    name: str
    unit: str
    sign: float


def comparison(
    runs: Sequence[Run],
    regret: bool = False,
    best: float | None = None,
    units: Mapping[str, str] = metric_units.NONE,
    clock: bool = False,
) -> Plot:
    """Best so far against the number of trials, a median line and a band between the quartiles for each label.

    runs: a label (its strategy), a history and its objective each; runs of one label are its seeds. Of several goals:
    the share of the volume between the worst and the best values of all runs that the front so far dominates.
    regret: draw the distance to ``best``, or to the best that any of the runs found, on a logarithmic axis. clock: draw
    it against the time since each run began, pauses included, in place of trials.
    """
    objectives = {run[2] for run in runs}
    if len(objectives) > 1:
        return empty("trials", "best so far", "the runs have different objectives")
    found = measured_bands(runs, regret, best, units, clock) if runs else None
    if found is None:
        return empty("trials", "best so far", "no run has found anything yet")
    y_title = notation.escape(found.name) + (f" ({found.unit})" if found.unit else "")
    x_unit, scale = scale_of(max(float(band.x[-1]) for band in found.bands)) if clock else ("trials", 1.0)
    x_title = f"time since the run began ({x_unit})" if clock else x_unit
    figure = canvas(x_title, y_title, showlegend=True, hovermode="x unified")
    figure.update_xaxes(unifiedhovertitle_text=f"after %{{x:,.4~g}} {x_unit}")
    labels = [band.label for band in found.bands]
    floor = _floor(found) if regret else None
    for band, look in zip(found.bands, palette.looks(labels), strict=True):
        figure.add_traces(_traces(band, band.x / scale, look, found.unit, floor))
    if floor is not None:
        ticks = ones_twos_fives(floor, max(float(np.nanmax(band.high, initial=floor)) for band in found.bands))
        if len(ticks) > 7:
            ticks = [tick for tick in ticks if f"{tick:e}"[0] == "1"]
        texts = [f"{tick:g}" for tick in ticks]
        figure.update_yaxes(type="log", tickvals=[floor, *ticks[1:]], ticktext=["0", *texts[1:]])
    else:
        _look_at_the_end(figure, found)
    return Plot(figure, _summary(found, clock))


def measured_bands(
    runs: Sequence[Run],
    regret: bool = False,
    best: float | None = None,
    units: Mapping[str, str] = metric_units.NONE,
    clock: bool = False,
) -> Bands | None:
    """The numbers of ``comparison`` for runs of one objective; None where there are none."""
    ends = [ended_at(history) for _, history, _ in runs] if clock else []
    if clock:
        runs = [(label, in_order_of_ends(history), objective) for label, history, objective in runs]
    objective = runs[0][2]
    unit, sign, name = "%", 1.0, "dominated share of hypervolume"
    if len(objective.goals) > 1:
        box = extent([history for _, history, _ in runs], objective)
        if box is None:
            return None
        curves = [(label, 100 * volume_share(history, objective, box)) for label, history, _ in runs]
        target = 100.0
    else:
        curves = [(label, best_so_far(history, objective)) for label, history, _ in runs]
        everything = np.concatenate([curve for _, curve in curves])
        if not np.isfinite(everything).any():
            return None
        metric, sign = objective.goal.metric, objective.goal.sign
        unit, name = metric_units.unit(metric, everything, units), f"best {metric}"
        target = sign * np.nanmax(sign * everything)
    if regret:
        target = target if best is None else best
        # Below the best seen by rounding only; zero has no place on a logarithmic axis.
        curves = [(label, np.maximum(sign * (target - curve), 0.0)) for label, curve in curves]
        name = "regret" if best is not None else "distance to the best found"
        sign = -1.0
    grouped: dict[str, list[int]] = {}
    for place, (label, curve) in enumerate(curves):
        if len(curve):
            grouped.setdefault(label, []).append(place)
    bands = []
    for label, members in grouped.items():
        group = [curves[place][1] for place in members]
        x = None
        if clock:
            x = np.linspace(0, float(np.median([ends[place][-1] for place in members])), _MOMENTS)
            group = [_at(x, ends[place], curves[place][1]) for place in members]
        bands.append(_band(label, group, sign, x))
    return Bands(tuple(bands), name, unit, sign) if bands else None


def _at(moments: np.ndarray, ends: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """What a curve had reached at these moments, nan before its first trial ended: (n,)."""
    place = np.searchsorted(ends, moments, side="right") - 1
    return np.where(place >= 0, curve[np.maximum(place, 0)], np.nan)


def _band(label: str, curves: list[np.ndarray], sign: float, x: np.ndarray | None) -> Band:
    """As far as at least half of the runs have got; the others keep their last value."""
    length = int(np.median([len(curve) for curve in curves]))
    rows = np.full((len(curves), length), np.nan)
    for row, curve in zip(rows, curves, strict=True):
        row[: len(curve)] = curve[:length]
        row[len(curve) :] = curve[-1] if len(curve) else np.nan
    # Whoever has found nothing is worse than everybody; infinity times nothing would be nan.
    worst = np.where(np.isnan(rows), -sign * _NOTHING, rows)
    quartiles = np.quantile(worst, [0.25, 0.5, 0.75], axis=0)
    low, middle, high = np.where(np.abs(quartiles) < _NOTHING / 1e6, quartiles, np.nan)
    return Band(label, low, middle, high, len(curves), np.arange(1, length + 1) if x is None else x)


def _traces(band: Band, x: np.ndarray, look: palette.Look, unit: str, floor: float | None) -> list[Part]:
    shown = notation.hover_format(np.concatenate([band.low, band.middle, band.high]))
    variant = band.label.partition(":")[2]
    _, dash = palette.DASHES.get(variant, palette.OTHER_DASHES)
    label = notation.escape(band.label)
    line = {"color": look.screen, "width": 2.5 if label.startswith("bonag") else 2, "dash": dash}
    traces = []
    # A run without others of its label has no band.
    if band.runs > 1:
        edge = {"width": 0, "color": look.screen}
        for values, fill in ((band.low, None), (band.high, "tonexty")):
            known = np.isfinite(band.low) & np.isfinite(band.high)
            trace = steps(x[known], np.maximum(values[known], floor or -np.inf), label, "", edge)
            trace |= {"hoverinfo": "skip", "hovertemplate": None, "showlegend": False, "legendgroup": label}
            if fill:
                trace |= {"fill": fill, "fillcolor": palette.faint(look.screen)}
            traces.append(trace)
    name = label + (f" ({band.runs} runs)" if band.runs > 1 else "")
    middle = steps(x, band.middle, name, f"%{{customdata:{shown}}} {unit}", line, _HOVERED)
    if floor is None:
        middle["hovertemplate"] = f"%{{y:{shown}}} {unit}<extra>{name}</extra>"
    else:
        middle |= {"customdata": middle["y"], "y": np.maximum(middle["y"], floor)}
    return [*traces, {**middle, "legendgroup": label}]


def _floor(found: Bands) -> float:
    """Where zero is drawn on a logarithmic axis: at the power of ten below all else."""
    values = np.concatenate([edge for band in found.bands for edge in (band.low, band.middle, band.high)])
    values = values[values > 0]
    return 10.0 ** np.floor(np.log10(values.min()) - 1e-9) if len(values) else 1e-3


def _look_at_the_end(figure: go.Figure, found: Bands) -> None:
    """Zoom to where curves part, as long as all ends are in sight: the first designs may be far off."""
    medians = [band.middle[np.isfinite(band.middle)] for band in found.bands]
    medians = [middle for middle in medians if len(middle)]
    if medians:
        last = np.cumsum([len(middle) for middle in medians]) - 1
        values = np.concatenate(medians)
        keep = np.isin(np.arange(len(values)), last)
        leave_out_the_far(figure, values, found.sign, keep, what="the beginnings lie")


def _summary(found: Bands, clock: bool) -> str:
    def span(band: Band) -> str:
        unit, scale = scale_of(float(band.x[-1]))
        return f"{notation.number(band.x[-1] / scale, unit, 3)}" if clock else notation.count(len(band.x), "trial")

    ends = [
        f"{band.label} {notation.number(band.middle[-1], found.unit)} after {span(band)}"
        + (f" (median of {band.runs} runs)" if band.runs > 1 else "")
        for band in found.bands
        if np.isfinite(band.middle[-1])
    ]
    return f"{found.name}: {'; '.join(ends) or 'nothing found yet'}."
