"""How the networks of a supernet became better while it was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bonag.plots.palette import INFEASIBLE, SERIES
from bonag.plots.static import WIDTH
from bonag.plots.static_axes import plain, reproducible, save

LINES = {"largest": "largest network", "random": "random networks", "smallest": "smallest network"}
MARKERS = ("o", "s", "^")


def write_supernet_curve(curve: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the accuracies after each epoch, with a line where a phase begins; raises OSError.

    curve: rows with epoch, phase, and the accuracies ``smallest``, ``largest`` and ``random``, in percent.
    """
    with reproducible(**{"font.size": 8, "axes.linewidth": 0.6}):
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        figure = Figure(figsize=(1.4 * WIDTH, WIDTH), layout="constrained")
        axes = figure.subplots()
        epochs = [row["epoch"] for row in curve]
        for (name, label), colour, marker in zip(LINES.items(), SERIES, MARKERS, strict=False):
            axes.plot(
                epochs, [row[name] for row in curve], label=label, color=colour, marker=marker, markersize=2.5, lw=1.4
            )
        for before, row in zip([{"phase": None}, *curve], curve, strict=False):
            if row["phase"] != before["phase"]:
                axes.axvline(row["epoch"] - 0.5, color=INFEASIBLE, alpha=0.5, lw=0.6)
                place = (row["epoch"] - 0.4, 0.02)
                axes.text(*place, row["phase"], transform=axes.get_xaxis_transform(), rotation=90, fontsize=6)
        axes.set_xlabel("epoch")
        axes.set_ylabel("accuracy on validation images (%)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        plain(axes)
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
        save(figure, path)
