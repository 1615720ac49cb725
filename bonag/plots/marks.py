"""Traces that several figures have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bonag.plots.measured import indices
from bonag.plots.notation import short
from bonag.plots.palette import FAILED, INFEASIBLE
from bonag.plots.plot import Part
from loops.history import Trial

_ROWS = {
    "stopped": ("triangle-down-open", INFEASIBLE),
    "failed": ("x-thin", FAILED),
    "abandoned": ("cross-thin", FAILED),
    "no value": ("line-ns", INFEASIBLE),
    "running": ("circle-open", INFEASIBLE),
}


def mark_size(count: int) -> int:
    """Pixels of a mark, such that many can still be told apart."""
    return 7 if count <= 1000 else 5


def dots(
    trials: Sequence[Trial], x: np.ndarray, y: np.ndarray, name: str, hover: str, marker: Mapping[str, object]
) -> Part:
    """A trace of one mark per trial, whose index is its customdata; ``hover`` is shown above the architecture."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": x,
        "y": y,
        "customdata": indices(trials),
        "text": [short(trial.architecture) for trial in trials],
        "hovertemplate": f"<b>trial %{{customdata:,}}</b><br>{hover}<br>%{{text}}<extra>{name}</extra>",
        "marker": dict(marker),
    }


def strip(groups: Mapping[str, Sequence[Trial]]) -> list[Part]:
    """Marks at the bottom edge, on the second y axis, of trials that have no value; with the reason where there is
    one."""
    traces = []
    for kind, trials in groups.items():
        symbol, colour = _ROWS[kind]
        trace = dots(
            trials,
            indices(trials),
            np.full(len(trials), 0.02),
            kind,
            kind,
            {"symbol": symbol, "color": colour, "size": 8},
        )
        trace["marker"]["line"] = {"color": colour, "width": 1.5}
        trace["text"] = [
            short(trial.architecture) + (f"<br>{short(trial.reason, 60)}" if trial.reason else "") for trial in trials
        ]
        traces.append({**trace, "yaxis": "y2"})
    return traces


# The axis of ``strip``, over the figure's own.
STRIP_AXIS = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}


def steps(x: np.ndarray, y: np.ndarray, name: str, hover: str, line: Mapping[str, object], hovered: int = 0) -> Part:
    """A step line that keeps its value until the next; only the points where it changes are kept, and both ends.

    hovered: about so many more, where values between the changes shall be shown to the pointer.
    """
    keep = np.ones(len(y), dtype=bool)
    if len(y) > 2:
        before, after = y[:-1], y[1:]
        changed = ~((before == after) | (np.isnan(before) & np.isnan(after)))
        keep[1:] = changed
        keep[-1] = True
        if hovered:
            keep[:: -(-len(y) // hovered)] = True
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x[keep],
        "y": y[keep],
        "line": {"shape": "hv", **line},
        "hovertemplate": f"{hover}<extra>{name}</extra>",
    }
