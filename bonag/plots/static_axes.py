"""How figures on paper look, whatever they show: lines of strategies, axes of regret, files."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bonag.plots.notation import ones_twos_fives
from bonag.plots.palette import DASHES, OTHER, OTHER_DASHES, STRATEGIES, Look
from bonag.plots.plot import Part
from bonag.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("pdf", "png", "svg")
DOTS_PER_INCH = 300
# Text stays text and nothing in the file is random, so the same figure gives the same file.
_FILES = {"svg.hashsalt": "bonag", "svg.fonttype": "none", "pdf.fonttype": 42, "text.parse_math": False}


@contextmanager
def reproducible(**more: object) -> Iterator[None]:
    """Matplotlib's settings under which a figure must be made and saved."""
    import matplotlib

    settings: Any = {**_FILES, **more}
    with matplotlib.rc_context(settings):
        yield


def save(figure: Figure, path: Path) -> None:
    """Write a figure whole or not at all, in the format that its suffix names; raises OSError where it cannot."""
    kind = path.suffix.lower().removeprefix(".")
    with whole_file(path) as file:
        if kind == "svg":
            file.write_text(svg_text(figure))
        else:
            dated = {"CreationDate": None} if kind == "pdf" else {}
            figure.savefig(file, format=kind, dpi=DOTS_PER_INCH, metadata=dated)


def svg_text(figure: Figure) -> str:
    """The figure as an SVG file."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    # Hundredths of a point are fine enough for lines, and halve the file.
    return re.sub(r' d="[^"]*"', lambda line: re.sub(r"(\.\d\d)\d+", r"\1", line[0]), text.getvalue())


def style(strategy: str, look: Look | None = None) -> Part:
    """How a strategy's line looks."""
    family, _, variant = strategy.partition(":")
    look = look or STRATEGIES.get(family, OTHER)
    own = family == "bonag"
    return {
        "color": look.ink,
        "marker": look.marker,
        "linestyle": DASHES.get(variant, OTHER_DASHES)[0],
        "linewidth": 2.2 if own else 1.4,
        "markersize": 4.5,
        "zorder": 3 if own else 2,
    }


def marks(budget: int) -> list[int]:
    """Where markers stand on a curve of so many queries: few, and evenly on a logarithmic axis."""
    return sorted({min(budget, n) - 1 for n in (1, 2, 5, 10, 20, 35, 60, 100, 150, 200, 250, 300)})


def plain(axes: Axes) -> None:
    """A faint grid, and no frame where there is no axis."""
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def query_scale(axes: Axes, budget: int) -> None:
    """A logarithmic axis of 1 to so many queries."""
    axes.set_xscale("log")
    ticks = ones_twos_fives(1, budget)
    axes.set_xticks(ticks, labels=[f"{n:g}" for n in ticks])
    axes.set_xticks([], minor=True)


def regret_scale(axes: Axes, drawn: np.ndarray, medians: np.ndarray, runs: np.ndarray, tolerance: float) -> None:
    """A logarithmic axis; where a quartile is zero, linear from the smallest regret that matters down to zero.

    drawn, medians, runs: all regrets that are drawn, those of the medians, and those of the single runs, flat.
    Regrets up to ``tolerance`` count as zero.
    """
    runs = runs[runs > tolerance]
    largest = float(drawn.max(initial=0.0))
    if largest <= tolerance or not len(runs):
        return
    if drawn.min() > tolerance:
        smallest = float(drawn.min())
        axes.set_yscale("log")
        axes.set_ylim(smallest / 1.2, largest * 1.2)
        ticks = ones_twos_fives(smallest, largest)
    else:
        # A single run may end much nearer to the best than any median: that is no reason to stretch the axis.
        smallest = float(max(runs.min(), medians[medians > tolerance].min(initial=largest)))
        axes.set_yscale("symlog", linthresh=smallest, linscale=0.4)
        axes.set_ylim(0, largest * 1.3)
        ticks = [0.0, *(tick for tick in ones_twos_fives(smallest, largest) if f"{tick:e}"[0] == "1")]
    axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
