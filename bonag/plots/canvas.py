"""The empty figure that all others start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bonag.plots.palette import BEST, GRID, INFEASIBLE
from bonag.plots.plot import Part, Plot

if TYPE_CHECKING:
    import plotly.graph_objects as go

CLEAR = "rgba(0, 0, 0, 0)"
_TITLE = {"size": 13}
AXIS: Part = {
    "gridcolor": GRID,
    "zeroline": False,
    "automargin": True,
    "separatethousands": True,
    "exponentformat": "SI",
    "spikecolor": INFEASIBLE,
    "spikethickness": 1,
}


def canvas(x: str, y: str, **layout: object) -> go.Figure:
    """A transparent figure with titled axes and its legend above the data; titles must be escaped."""
    import plotly.graph_objects as go

    figure = go.Figure(
        layout={
            # Else the default one comes along in every file, with its colours.
            "template": go.layout.Template(),
            "paper_bgcolor": CLEAR,
            "plot_bgcolor": CLEAR,
            "margin": {"l": 8, "r": 12, "t": 36, "b": 8},
            "xaxis": {**AXIS, "title": {"text": x, "font": _TITLE}},
            "yaxis": {**AXIS, "title": {"text": y, "font": _TITLE}},
            "legend": {"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "bgcolor": CLEAR},
            "hovermode": "closest",
            "modebar": {"bgcolor": CLEAR, "color": INFEASIBLE, "activecolor": BEST},
            # What the user has zoomed to stays when new trials arrive.
            "uirevision": "kept",
        }
    )
    figure.update_layout(layout)
    return figure


def empty(x: str, y: str, why: str) -> Plot:
    """A figure with nothing but the reason; ``why`` is plain text, titles must be escaped."""
    from html import escape

    figure = canvas(x, y)
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        axis.update(showgrid=False, showticklabels=False, range=[0, 1], fixedrange=True)
    note(figure, escape(why), 0.5, 0.5, xanchor="center", yanchor="middle", font={"size": 14})
    return Plot(figure, f"Nothing to draw: {why}.")


def note(figure: go.Figure, text: str, x: float, y: float, **more: object) -> None:
    """Put a line of text at a place given as a share of the plotting area."""
    place = {"xref": "paper", "yref": "paper", "showarrow": False}
    figure.add_annotation({**place, "x": x, "y": y, "text": text, **more})
