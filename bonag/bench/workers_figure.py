"""The figure of `bonag bench workers`: speed-up and queries to the target against the number of workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bonag.plots.static_axes import plain, reproducible, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(table: pd.DataFrame, title: str, path: Path) -> None:
    """Write the SVG file: medians with their 95 % of the bootstrap. table: as ``workers_table.make_table``.

    The same table gives the same file.
    """
    with reproducible():
        save(make_figure(table, title), path)


def make_figure(table: pd.DataFrame, title: str) -> Figure:
    """What ``draw`` writes."""
    # Never a window.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    workers = np.unique(table["workers"])
    left.plot(workers, workers, color="black", linewidth=0.8, linestyle=(0, (1, 2)), label="as many times as workers")
    right.axhline(1, color="black", linewidth=0.8, linestyle=(0, (1, 2)))
    _draw_ratio(left, table, "speed-up")
    _draw_ratio(right, table, "queries ratio")
    left.set_ylabel("speed-up in wall time, against 1 worker")
    right.set_ylabel("queries, against 1 worker")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        axes.set_xticks(workers, labels=[f"{n:g}" for n in workers])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("workers")
        plain(axes)
    figure.suptitle(title, fontsize=10)
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", frameon=False)
    return figure


def _draw_ratio(axes: Axes, table: pd.DataFrame, name: str) -> None:
    for strategy, own in table.groupby("strategy", sort=False):
        # Where too few seeds found the target, there is no median.
        drawn = own[[name, f"{name} low", f"{name} high"]].to_numpy(dtype=np.float64)
        own = own[(np.isfinite(drawn) & (drawn > 0)).all(axis=1)]
        if own.empty:
            continue
        look = style(str(strategy))
        axes.fill_between(
            own["workers"], own[f"{name} low"], own[f"{name} high"], color=look["color"], alpha=0.10, linewidth=0
        )
        axes.plot(own["workers"], own[name], label=str(strategy), **look)
