"""Where a run's time went."""

from __future__ import annotations

import numpy as np

from bonag.plots import notation
from bonag.plots.canvas import canvas, empty
from bonag.plots.measured import indices
from bonag.plots.palette import BEST, TRIAL
from bonag.plots.plot import Plot
from loops.history import History

_UNITS = (("h", 3600.0, 2 * 3600.0), ("min", 60.0, 2 * 60.0), ("s", 1.0, 0.0))


def seconds(history: History) -> Plot:
    """The time spent in proposals and in evaluations up to each trial, one above the other.

    In seconds, minutes or hours, whichever suits. Hovering shows what the trial itself took.
    """
    proposals, evaluations = seconds_of_trials(history)
    if not len(history) or not (np.isfinite(proposals).any() or np.isfinite(evaluations).any()):
        return empty("trial", "time", "no trials yet" if not len(history) else "no times were recorded")
    unit, scale = scale_of(float(np.nansum(proposals) + np.nansum(evaluations)))
    figure = canvas("trial", f"time spent ({unit})", hovermode="x unified")
    for name, own, colour in (("evaluations", evaluations, TRIAL), ("proposals", proposals, BEST)):
        figure.add_trace(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": indices(history.trials),
                "y": np.nancumsum(own) / scale,
                "customdata": np.round(own, 4),
                "stackgroup": "time",
                "line": {"color": colour, "width": 1.5},
                "hovertemplate": f"%{{y:,.4~g}} {unit} (this trial: %{{customdata:,.3~g}} s)",
            }
        )
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(unifiedhovertitle_text="trial %{x:,}")
    named = {"proposals": proposals, "evaluations": evaluations}
    totals = [f"{notation.number(np.nansum(own), 's')} in {name}" for name, own in named.items()]
    return Plot(figure, f"{notation.count(len(history), 'trial')} spent {' and '.join(totals)}.")


def seconds_of_trials(history: History) -> tuple[np.ndarray, np.ndarray]:
    """The seconds of each trial's proposal and evaluation: (n,) each, nan where they are not known."""
    rows = [(trial.proposal_seconds, trial.evaluation_seconds) for trial in history]
    both = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def scale_of(total: float) -> tuple[str, float]:
    """The unit in which so many seconds are best written, and the seconds in it."""
    return next((unit, scale) for unit, scale, least in _UNITS if total >= least)
