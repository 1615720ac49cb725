"""What a predictor believes, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from bonag.plots import notation
from bonag.plots.canvas import canvas, empty
from bonag.plots.palette import BEST, DIVERGING, INFEASIBLE, TRIAL, faint
from bonag.plots.plot import Part, Plot
from bonag.plots.zoom import leave_out_far_pairs
from loops import metric_units

if TYPE_CHECKING:
    import pandas as pd

_NOTHING = "no held-out predictions yet"
# Nominal coverages of the intervals that are looked at.
_LEVELS = np.append(np.arange(0.05, 0.96, 0.05), 0.99)
# Of bar charts and heat maps with many rows, in pixels.
_ROW, _AROUND, _LEAST = 22, 110, 260
_BARS = "rgba(128, 128, 128, 0.55)"


def predicted_against_measured(
    frame: pd.DataFrame, metric: str = "value", units: Mapping[str, str] = metric_units.NONE
) -> Plot:
    """Predictions of held-out trials against what was measured, with error bars of one deviation.

    frame: trial, measured, mean, deviation and fold, one row per trial. A mark has its trial's index as customdata.
    """
    frame = frame.dropna(subset=["measured", "mean"])
    measured, mean = _column(frame, "measured"), _column(frame, "mean")
    name = notation.title(metric, measured, units)
    titles = f"measured {name}", f"predicted {name}"
    if frame.empty:
        return empty(*titles, _NOTHING)
    figure = canvas(*titles)
    ends = np.array([min(measured.min(), mean.min()), max(measured.max(), mean.max())])
    figure.add_trace(_diagonal(ends, "as measured"))
    shown = notation.hover_format(np.concatenate([measured, mean]))
    unit = metric_units.unit(metric, measured, units)
    trials = frame["trial"].to_numpy()
    figure.add_trace(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "held-out trials, ± 1 deviation",
            "x": measured,
            "y": mean,
            "customdata": trials,
            "text": [f"fold {fold}" for fold in frame["fold"]],
            "error_y": {
                "type": "data",
                "array": _column(frame, "deviation"),
                "width": 0,
                "thickness": 1,
                "color": _BARS,
            },
            "marker": {"color": TRIAL, "size": 6},
            "hovertemplate": f"<b>trial %{{customdata:,}}</b>, %{{text}}<br>measured %{{x:{shown}}} {unit}"
            f"<br>predicted %{{y:{shown}}} ± %{{error_y.array:{shown}}} {unit}<extra></extra>",
        }
    )
    leave_out_far_pairs(figure, measured, mean)
    rmse = float(np.sqrt(np.mean((measured - mean) ** 2)))
    text = f"Predicted against measured {metric} of {notation.count(len(frame), 'held-out trial')}"
    return Plot(figure, f"{text}: the root of the mean squared error is {notation.number(rmse, unit, 3)}.")


def calibration(frame: pd.DataFrame) -> Plot:
    """How many held-out trials lie within their central intervals, against how many should.

    frame: score, score_mean and score_deviation where it has them, since there the intervals are symmetric, else
    measured, mean and deviation. The diagonal is a predictor that knows what it does not know; below it, it is too
    sure of itself.
    """
    titles = "nominal coverage (%)", "observed coverage (%)"
    names = ("score", "score_mean", "score_deviation")
    if not set(names) <= set(frame.columns):
        names = ("measured", "mean", "deviation")
    frame = frame.dropna(subset=list(names))
    if frame.empty:
        return empty(*titles, _NOTHING)
    value, mean, deviation = (_column(frame, name) for name in names)
    far = np.abs(value - mean) / np.maximum(deviation, 1e-300)
    observed = np.array([(far <= NormalDist().inv_cdf(0.5 + level / 2)).mean() for level in _LEVELS])
    figure = canvas(*titles)
    figure.add_trace(_diagonal(np.array([0.0, 100.0]), "calibrated"))
    # What chance alone does to so many trials, two standard errors to either side.
    error = 200 * np.sqrt(_LEVELS * (1 - _LEVELS) / len(frame))
    edge = {"width": 0, "color": INFEASIBLE}
    for side, fill in ((-1, None), (1, "tonexty")):
        band: Part = {"type": "scatter", "mode": "lines", "line": edge, "hoverinfo": "skip", "name": "chance"}
        band |= {"x": 100 * _LEVELS, "y": np.clip(100 * _LEVELS + side * error, 0, 100), "showlegend": fill is not None}
        figure.add_trace({**band, **({"fill": fill, "fillcolor": "rgba(128, 128, 128, 0.15)"} if fill else {})})
    figure.add_trace(
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "held-out trials",
            "x": 100 * _LEVELS,
            "y": 100 * observed,
            "line": {"color": BEST, "width": 2},
            "marker": {"size": 5},
            "hovertemplate": "of the %{x:.0f} % intervals, %{y:.1f} % hold<extra></extra>",
        }
    )
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(range=[0, 101])
    at = int(np.argmin(np.abs(_LEVELS - 0.9)))
    text = (
        f"Of {notation.count(len(frame), 'held-out trial')}, {100 * observed[at]:.0f} % lie within their 90 % intervals"
    )
    return Plot(figure, f"{text}.")


def importance(frame: pd.DataFrame) -> Plot:
    """The share of the predicted metric's variance that goes with each slot, largest on top.

    frame: slot, share and, where it is known, alone: the share without interactions.
    """
    title = "share of the variance (%)"
    frame = frame.dropna(subset=["share"]).sort_values("share", kind="stable")
    if frame.empty:
        return empty(title, "", "nothing is known of any slot yet")
    figure = canvas(title, "", height=_height(len(frame)), barmode="overlay")
    slots = [notation.escape(str(slot)) for slot in frame["slot"]]
    both = "alone" in frame
    bars = [("share", "with interactions" if both else "share", 0.4 if both else 0.9)]
    bars += [("alone", "alone", 0.95)] if both else []
    for column, name, opacity in bars:
        figure.add_trace(
            {
                "type": "bar",
                "orientation": "h",
                "name": name,
                "x": 100 * _column(frame, column),
                "y": slots,
                "marker": {"color": faint(TRIAL, opacity), "line": {"width": 0}},
                "hovertemplate": f"%{{y}}: %{{x:.1f}} %{f' {name}' if both else ''}<extra></extra>",
            }
        )
    figure.update_yaxes(type="category", showgrid=False)
    first = frame.iloc[-1]
    return Plot(
        figure, f"{first['slot']} matters most of {len(frame)} slots: {100 * first['share']:.0f} % of the variance."
    )


def effects(frame: pd.DataFrame, metric: str = "value", units: Mapping[str, str] = metric_units.NONE) -> Plot:
    """How far the predicted metric lies above its mean where a slot holds an operation; empty where it cannot.

    frame: slot, operation, effect, one row per pair, in the order in which they shall appear.
    """
    known = frame.dropna(subset=["effect"])
    if known.empty:
        return empty("operation", "slot", "nothing is known of any operation yet")
    rows = list(dict.fromkeys(known["slot"]))
    columns = list(dict.fromkeys(known["operation"]))
    z = np.full((len(rows), len(columns)), np.nan)
    places = zip(known["slot"], known["operation"], known["effect"], strict=True)
    for slot, operation, effect in places:
        z[rows.index(slot), columns.index(operation)] = effect
    figure = canvas("", "", height=_height(len(rows)))
    largest = float(np.nanmax(np.abs(z))) or 1.0
    # Whether a small effect is one of shares or of per cents its own size does not tell.
    unit = metric_units.unit(metric, np.array([100.0]), units)
    few = z.size <= 60
    figure.add_trace(
        {
            "type": "heatmap",
            "x": _names(columns),
            "y": _names(rows),
            "z": z,
            "zmin": -largest,
            "zmax": largest,
            "colorscale": [list(stop) for stop in DIVERGING],
            "hoverongaps": False,
            "xgap": 2,
            "ygap": 2,
            "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": unit, "side": "top"}},
            "hovertemplate": f"%{{y}}: %{{x}}<br>%{{z:+,.3~g}} {unit}<extra></extra>",
            **({"texttemplate": "%{z:+,.2~g}"} if few else {}),
        }
    )
    figure.update_xaxes(type="category", showgrid=False, side="bottom")
    figure.update_yaxes(type="category", showgrid=False, autorange="reversed")
    row, column = np.unravel_index(int(np.nanargmax(np.abs(z))), z.shape)
    worth = notation.number(abs(z[row, column]), unit, 3)
    way = "above" if z[row, column] > 0 else "below"
    text = f"The largest effect is that of {columns[column]} at {rows[row]}: {worth} {way} the mean"
    return Plot(figure, f"{text}.")


def _column(frame: pd.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy(dtype=np.float64)


def _diagonal(ends: np.ndarray, name: str) -> Part:
    line = {"color": INFEASIBLE, "width": 1.5, "dash": "dash"}
    return {"type": "scatter", "mode": "lines", "x": ends, "y": ends, "name": name, "line": line, "hoverinfo": "skip"}


def _height(rows: int) -> int:
    return max(_LEAST, _ROW * rows + _AROUND)


def _names(names: list[Hashable]) -> list[str]:
    return [notation.escape(str(name)) for name in names]
