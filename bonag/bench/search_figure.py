"""The figure of a contest: regret against queries, and how many runs have reached the target."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from bonag.bench.search_measure import Measure
from bonag.bench.search_table import Progress
from bonag.whole_file import whole_file

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

    with matplotlib.rc_context({"svg.hashsalt": "bonag", "svg.fonttype": "none", "font.size": 9}):
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
        with whole_file(path) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})


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
    positive = [float(value) for value in chain.from_iterable(np.unique(regret) for regret in regrets) if value > 1e-12]
    if positive:
        # Logarithmic down to the smallest regret that there is, and linear to zero, which has no logarithm.
        axes.set_yscale("symlog", linthresh=_threshold(positive, regrets), linscale=0.4)
    axes.set_ylim(bottom=0)
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis, budget)
    what = "1 - share of the hypervolume" if measure.best == 1.0 and "hypervolume" in measure.name else "regret"
    unit = "" if what != "regret" else f" of {measure.name} (best: {measure.best:.6g})"
    axes.set_ylabel(f"{what}{unit}: median and quartiles")


def _threshold(positive: list[float], regrets: Sequence[np.ndarray]) -> float:
    """The smallest positive value that a drawn line has, or else the smallest of all."""
    drawn = np.concatenate([np.quantile(regret, [0.25, 0.5, 0.75], axis=0).ravel() for regret in regrets])
    drawn = drawn[drawn > 1e-12]
    return float(drawn.min()) if len(drawn) else min(positive)


def _reached(axes: Any, progress: Sequence[Progress], measure: Measure) -> None:
    for one in progress:
        share = one.reached(measure).mean(axis=0)
        queries = np.arange(1, len(share) + 1)
        axes.plot(queries, share, drawstyle="steps-post", markevery=_marks(len(share)), **style(one.strategy))
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_ylabel(f"seeds that have reached the {measure.target_name}")


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
