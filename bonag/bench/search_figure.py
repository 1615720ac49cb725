"""The figure of a contest: regret against queries, and how many runs have reached the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bonag.bench.search_measure import TOLERANCE, Measure
from bonag.bench.search_table import Progress
from bonag.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A colour and a marker for a family, everywhere the same; its variants differ by their dashes. Colours of Okabe and Ito
# (2008) and of Tol's muted scheme, told apart by the colour-blind; what they may confuse, the markers tell apart.
STYLES = {
    "bonag": ("#D55E00", "o"),
    "random": ("#888888", "x"),
    "evolution": ("#009E73", "s"),
    "local-search": ("#E69F00", "^"),
    "bananas": ("#CC79A7", "v"),
    "gp-wl": ("#56B4E9", "D"),
    "gp": ("#0072B2", "P"),
    "mutation-bo": ("#332288", "X"),
    "nsga2": ("#882255", "<"),
    "ax": ("#000000", ">"),
}
OTHER = ("#999933", "*")
DASHES = {
    "": "-", "naszilla": "--", "random": ":", "mutation": "--", "evolution": "-.",
}  # fmt: skip


def draw(progress: Sequence[Progress], measure: Measure, title: str, path: Path) -> None:
    """Write the SVG file: the median regret with its quartiles, and the share of runs that have reached the target.

    Where the best of the space is not known, the median of what was found takes the share's place. The same runs give
    the same file.
    """
    import matplotlib

    # Text stays text, and nothing in the file is random.
    with matplotlib.rc_context({"svg.hashsalt": "bonag", "svg.fonttype": "none"}):
        figure = made_figure(progress, measure, title)
        with whole_file(path) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})


def made_figure(progress: Sequence[Progress], measure: Measure, title: str) -> Figure:
    """What ``draw`` writes."""
    # Never a window.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _regret(left, progress, measure)
    if measure.exact:
        _reached(right, progress, measure)
    else:
        _found(right, progress, measure)
    for axes in (left, right):
        axes.set_xlabel("queries")
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    seeds = sorted({len(one.seeds) for one in progress})
    figure.suptitle(f"{title} ({' to '.join(map(str, seeds))} seeds)", fontsize=10)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    return figure


def style(strategy: str) -> dict[str, Any]:
    """How a strategy's lines look."""
    family, _, variant = strategy.partition(":")
    colour, marker = STYLES.get(family, OTHER)
    dashes = DASHES.get(variant, (0, (3, 1, 1, 1, 1, 1)))
    width = 2.2 if family == "bonag" else 1.4
    return {"color": colour, "marker": marker, "linestyle": dashes, "linewidth": width, "markersize": 4.5}


def _regret(axes: Any, progress: Sequence[Progress], measure: Measure) -> None:
    regrets = [one.regret(measure) for one in progress]
    budget = regrets[0].shape[1]
    queries = np.arange(1, budget + 1)
    for one, regret in zip(progress, regrets, strict=True):
        low, middle, high = np.quantile(regret, [0.25, 0.5, 0.75], axis=0)
        look = style(one.strategy)
        axes.fill_between(queries, low, high, step="post", color=look["color"], alpha=0.10, linewidth=0)
        axes.plot(queries, middle, drawstyle="steps-post", label=one.strategy, markevery=_marks(budget), **look)
    smallest, largest = _range(regrets)
    if smallest > 0:
        # Logarithmic down to the smallest regret that matters, and linear from there to zero, which has no logarithm.
        axes.set_yscale("symlog", linthresh=smallest, linscale=0.4)
        powers = range(math.ceil(math.log10(smallest)), math.floor(math.log10(largest)) + 1)
        ticks = [0.0, *(10.0**power for power in powers)]
        axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.set_yticks([], minor=True)
    axes.set_ylim(bottom=0)
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis, budget)
    axes.set_ylabel(f"{measure.regret_name}: median, quartiles")


def _range(regrets: Sequence[np.ndarray]) -> tuple[float, float]:
    """The smallest positive regret that the axis has to tell from zero, and the largest; 0 if there is none."""
    runs = np.concatenate([regret.ravel() for regret in regrets])
    medians = np.concatenate([np.median(regret, axis=0) for regret in regrets])
    runs, medians = runs[runs > TOLERANCE], medians[medians > TOLERANCE]
    # A single run may end much nearer to the best than any median: that is no reason to stretch the axis.
    if not len(runs):
        return 0.0, 0.0
    return float(max(runs.min(), medians.min() if len(medians) else 0.0)), float(runs.max())


def _reached(axes: Any, progress: Sequence[Progress], measure: Measure) -> None:
    for one in progress:
        share = one.reached(measure).mean(axis=0)
        queries = np.arange(1, len(share) + 1)
        axes.plot(queries, share, drawstyle="steps-post", markevery=_marks(len(share)), **style(one.strategy))
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_ylabel(f"seeds that have reached {measure.target_name}")


def _found(axes: Any, progress: Sequence[Progress], measure: Measure) -> None:
    late = []
    for one in progress:
        low, middle, high = np.quantile(one.numbers, [0.25, 0.5, 0.75], axis=0)
        queries = np.arange(1, len(middle) + 1)
        look = style(one.strategy)
        axes.fill_between(queries, low, high, step="post", color=look["color"], alpha=0.10, linewidth=0)
        axes.plot(queries, middle, drawstyle="steps-post", markevery=_marks(len(middle)), **look)
        late.append(middle[min(len(middle) - 1, 9) :])
    # The first designs would take most of the height.
    values = np.append(np.concatenate(late), measure.best)
    room = 0.04 * max(float(np.ptp(values)), 1e-9)
    axes.set_ylim(values.min() - room, values.max() + room)
    axes.axhline(measure.best, color="black", linewidth=0.8, linestyle=(0, (1, 2)))
    axes.set_ylabel(f"{measure.name}: median and quartiles")


def _marks(budget: int) -> list[int]:
    """Where markers stand on a curve of so many queries: few, and evenly on a logarithmic axis."""
    return sorted({min(budget, n) - 1 for n in (1, 2, 5, 10, 20, 35, 60, 100, 150, 200, 250, 300)})


def _plain_numbers(axis: Any, largest: int) -> None:
    ticks = [n for n in (1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 1000, 2000) if n <= largest]
    axis.set_ticks(ticks, labels=[str(n) for n in ticks])
    axis.set_ticks([], minor=True)
