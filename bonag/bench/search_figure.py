"""The figure of a contest: regret against queries, and how many runs have reached the target."""

from __future__ import annotations

import io
import math
import re
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
    "mutation-bo": ("#332288", "h"),
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
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    # Hundredths of a point are fine enough for lines, and halve the file.
    short = re.sub(r' d="[^"]*"', lambda line: re.sub(r"(\.\d\d)\d+", r"\1", line[0]), text.getvalue())
    with whole_file(path) as file:
        file.write_text(short)


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
    own = family == "bonag"
    return {
        "color": colour,
        "marker": marker,
        "linestyle": dashes,
        "linewidth": 2.2 if own else 1.4,
        "markersize": 4.5,
        "zorder": 3 if own else 2,
    }


def _regret(axes: Any, progress: Sequence[Progress], measure: Measure) -> None:
    regrets = [one.regret(measure) for one in progress]
    budget = regrets[0].shape[1]
    queries = np.arange(1, budget + 1)
    for one, regret in zip(progress, regrets, strict=True):
        low, middle, high = np.quantile(regret, [0.25, 0.5, 0.75], axis=0)
        look = style(one.strategy)
        axes.fill_between(queries, low, high, step="post", color=look["color"], alpha=0.10, linewidth=0)
        axes.plot(queries, middle, drawstyle="steps-post", label=one.strategy, markevery=_marks(budget), **look)
    _scale(axes, regrets)
    axes.set_xscale("log")
    ticks = _ones_twos_fives(1, budget)
    axes.set_xticks(ticks, labels=[f"{n:g}" for n in ticks])
    axes.set_xticks([], minor=True)
    axes.set_ylabel(f"{measure.regret_name}: median, quartiles")


def _scale(axes: Any, regrets: Sequence[np.ndarray]) -> None:
    """A logarithmic axis; where a quartile is zero, linear from the smallest regret that matters down to zero."""
    drawn = np.concatenate([np.quantile(regret, [0.25, 0.5, 0.75], axis=0).ravel() for regret in regrets])
    runs = np.concatenate([regret.ravel() for regret in regrets])
    runs = runs[runs > TOLERANCE]
    largest = float(drawn.max())
    if largest <= TOLERANCE or not len(runs):
        return
    if drawn.min() > TOLERANCE:
        smallest = float(drawn.min())
        axes.set_yscale("log")
        axes.set_ylim(smallest / 1.2, largest * 1.2)
        ticks = _ones_twos_fives(smallest, largest)
    else:
        # A single run may end much nearer to the best than any median: that is no reason to stretch the axis.
        medians = np.concatenate([np.median(regret, axis=0) for regret in regrets])
        smallest = float(max(runs.min(), medians[medians > TOLERANCE].min(initial=largest)))
        axes.set_yscale("symlog", linthresh=smallest, linscale=0.4)
        axes.set_ylim(0, largest * 1.3)
        ticks = [0.0, *(tick for tick in _ones_twos_fives(smallest, largest) if f"{tick:e}"[0] == "1")]
    axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)


def _ones_twos_fives(smallest: float, largest: float) -> list[float]:
    """1, 2, 5, 10, ... and 0.5, 0.2, ... between two positive numbers."""
    powers = range(math.floor(math.log10(smallest)), math.floor(math.log10(largest)) + 1)
    ticks = [first * 10.0**power for power in powers for first in (1, 2, 5)]
    return [tick for tick in ticks if smallest <= tick <= largest]


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
