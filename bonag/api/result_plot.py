"""``Result.plot``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import plotly.io as pio

from bonag.plots.pareto import pareto, pareto_metrics
from bonag.plots.progress import progress
from bonag.plots.seconds import seconds
from bonag.plots.static import still
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    from bonag.plots.plot import Plot
    from loops.history import History
    from loops.objective import Objective

WHAT = ("progress", "pareto", "seconds")
# Of the still picture in a notebook, in inches.
WIDTH = 6.5


class Figure(go.Figure):
    """A plotly figure that is seen too where no script runs, or none of plotly's: on GitHub, in exported notebooks.

    There it is a still picture, an SVG, which does not follow what is changed in the figure.
    """

    _still: Callable[[], str | None] | None = None

    def _repr_mimebundle_(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(*arguments, **named)
        picture = self._still() if bundle and self._still else None
        return bundle if picture is None else {"text/html": picture, **bundle}

    def _ipython_display_(self) -> None:
        bundle = self._repr_mimebundle_()
        if bundle:
            from IPython.display import display

            display(bundle, raw=True)
        else:
            super()._ipython_display_()


def result_plot(history: History, objective: Objective, what: str | None, x: str | None, y: str | None) -> Figure:
    """See ``Result.plot``."""
    chosen = what or ("pareto" if x or y or len(objective.goals) > 1 else "progress")
    if chosen not in WHAT:
        raise UserError(f"unknown figure '{chosen}': {suggestion(chosen, WHAT)}")
    if chosen != "pareto" and (x or y):
        raise UserError(f"x and y are metrics of figure 'pareto', not of '{chosen}'")
    if chosen == "pareto":
        x, y = pareto_metrics([history], objective, x, y)
    plot = _draw(history, objective, chosen, x, y)
    figure = Figure(plot.figure)
    figure._still = partial(still, ("", history, objective), chosen, WIDTH, plot.summary, x, y)
    # A page gives it colours; a notebook leaves that to plotly.
    template = pio.templates[pio.templates.default or "none"]
    figure.update_layout(template=template, paper_bgcolor=None, plot_bgcolor=None, margin={"t": 48})
    figure.update_xaxes(gridcolor=None)
    figure.update_yaxes(gridcolor=None)
    return figure


def _draw(history: History, objective: Objective, what: str, x: str | None, y: str | None) -> Plot:
    if what == "seconds":
        return seconds(history)
    if what == "progress":
        return progress(history, objective)
    assert x is not None
    assert y is not None
    return pareto(history, objective, x, y)
