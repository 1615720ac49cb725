"""``Result.plot``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from bonag.plots.plot import Plot
    from loops.history import History
    from loops.objective import Objective

WHAT = ("progress", "pareto", "seconds")


def result_plot(history: History, objective: Objective, what: str | None, x: str | None, y: str | None) -> go.Figure:
    """See ``Result.plot``."""
    import plotly.io as pio

    chosen = what or ("pareto" if x or y or len(objective.goals) > 1 else "progress")
    if chosen not in WHAT:
        raise UserError(f"unknown figure '{chosen}': {suggestion(chosen, WHAT)}")
    if chosen != "pareto" and (x or y):
        raise UserError(f"x and y are metrics of figure 'pareto', not of '{chosen}'")
    figure = _draw(history, objective, chosen, x, y).figure
    # A page gives it colours; a notebook leaves that to plotly.
    template = pio.templates[pio.templates.default or "none"]
    figure.update_layout(template=template, paper_bgcolor=None, plot_bgcolor=None, margin={"t": 48})
    figure.update_xaxes(gridcolor=None)
    figure.update_yaxes(gridcolor=None)
    return figure


def _draw(history: History, objective: Objective, what: str, x: str | None, y: str | None) -> Plot:
    from bonag.plots.pareto import pareto, pareto_metrics
    from bonag.plots.progress import progress
    from bonag.plots.seconds import seconds

    if what == "seconds":
        return seconds(history)
    if what == "progress":
        return progress(history, objective)
    return pareto(history, objective, *pareto_metrics([history], objective, x, y))
