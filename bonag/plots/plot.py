"""What every function that draws a plotly figure returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Plot:
    """A figure, and one plain sentence for those who do not see it.

    figure: transparent and without font colours, so that whoever shows it decides on these.
    """

    figure: go.Figure
    summary: str
