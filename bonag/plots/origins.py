"""What a run's own proposals were worth, by how they came about."""

from __future__ import annotations

import numpy as np

from bonag.plots import notation
from bonag.plots.canvas import canvas, empty
from bonag.plots.marks import dots
from bonag.plots.measured import column, indices, why_empty
from bonag.plots.palette import BEST, INFEASIBLE, SERIES, TRIAL
from bonag.plots.plot import Plot
from loops import metric_units
from loops.history import History, Trial

_LOOKS = {"initial": (TRIAL, "diamond"), "random": (INFEASIBLE, "x"), "guided": (BEST, "circle")}
# Beyond so many origins they share a look.
_MOST = 6


def origins(history: History, metric: str) -> Plot:
    """The metric of each completed trial, told apart by the step of the strategy that proposed it.

    A mark has its trial's index as customdata.
    """
    drawn = [trial for trial in history.completed if np.isfinite(trial.metrics.get(metric, np.nan))]
    values = column(drawn, metric)
    titles = "trial", notation.title(metric, values)
    if not drawn:
        return empty(*titles, why_empty(history))
    groups: dict[str, list[Trial]] = {}
    for trial in drawn:
        groups.setdefault(origin_of(trial), []).append(trial)
    figure = canvas(*titles)
    shown, unit = notation.hover_format(values), metric_units.unit(metric, values)
    said = []
    for place, (name, trials) in enumerate(groups.items()):
        numbers = column(trials, metric)
        other = SERIES[place % len(SERIES)], "circle" if place < _MOST else "circle-open"
        colour, symbol = _LOOKS.get(name, other)
        marker = {"color": colour, "symbol": symbol, "size": 6, "opacity": 0.7}
        hover = f"{notation.escape(metric)} %{{y:{shown}}} {unit}"
        figure.add_trace(dots(trials, indices(trials), numbers, notation.escape(name), hover, marker))
        said.append(f"{len(trials):,} {name}, median {notation.number(float(np.median(numbers)), unit)}")
    return Plot(figure, f"{metric} of {notation.count(len(drawn), 'trial')} by origin: {'; '.join(said)}.")


def origin_of(trial: Trial) -> str:
    """The step of the strategy that proposed a trial, as its provenance has it."""
    return str(trial.provenance.get("origin") or "unknown")
