"""What every function that draws a plotly figure returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

# A trace, an axis or another part of a figure, as plotly takes it; how a line looks, as matplotlib takes it.
Part = dict[str, Any]


@dataclass(frozen=True)
class Plot:
    """A figure, and one plain sentence for those who do not see it.

    figure: transparent and without font colours, so that whoever shows it decides on these.
    """

    figure: go.Figure
    summary: str
