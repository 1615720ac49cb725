"""The figure of a contest: regret against queries, and how many runs have reached the target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bonag.bench.search_measure import TOLERANCE, Measure
from bonag.bench.search_table import Progress
from bonag.plots.static_axes import marks, plain, query_scale, regret_scale, reproducible, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bonag.bench.published import PublishedSearch

PUBLISHED_DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1)), (0, (6, 2, 1, 2)), (0, (8, 3)))


def draw(
    progress: Sequence[Progress],
    measure: Measure,
    title: str,
    path: Path,
    published: Sequence[PublishedSearch] = (),
) -> None:
    """Write the SVG file: the median regret with its quartiles, and the share of runs that have reached the target.

    Where the best of the space is not known, the median of what was found takes the share's place, with the searches
    that others published beside it. The same runs give the same file.
    """
    with reproducible():
        save(make_figure(progress, measure, title, published), path)


def make_figure(
    progress: Sequence[Progress], measure: Measure, title: str, published: Sequence[PublishedSearch] = ()
) -> Figure:
    """What ``draw`` writes."""
    # Never a window.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_regret(left, progress, measure)
    if measure.exact:
        _draw_reached(right, progress, measure)
    else:
        _draw_found(right, progress, measure, published)
    for axes in (left, right):
        axes.set_xlabel("queries")
        plain(axes)
    seeds = sorted({len(one.seeds) for one in progress})
    figure.suptitle(f"{title} ({' to '.join(map(str, seeds))} seeds)", fontsize=10)
    handles, labels = left.get_legend_handles_labels()
    if published:
        for handle, label in zip(*right.get_legend_handles_labels(), strict=True):
            handles.append(handle)
            labels.append(label)
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    return figure


def _draw_regret(axes: Axes, progress: Sequence[Progress], measure: Measure) -> None:
    regrets = [one.regret(measure) for one in progress]
    budget = regrets[0].shape[1]
    queries = np.arange(1, budget + 1)
    for one, regret in zip(progress, regrets, strict=True):
        low, middle, high = np.quantile(regret, [0.25, 0.5, 0.75], axis=0)
        look = style(one.strategy)
        axes.fill_between(queries, low, high, step="post", color=look["color"], alpha=0.10, linewidth=0)
        axes.plot(queries, middle, drawstyle="steps-post", label=one.strategy, markevery=marks(budget), **look)
    drawn = np.concatenate([np.quantile(regret, [0.25, 0.5, 0.75], axis=0).ravel() for regret in regrets])
    medians = np.concatenate([np.median(regret, axis=0) for regret in regrets])
    regret_scale(axes, drawn, medians, np.concatenate([regret.ravel() for regret in regrets]), TOLERANCE)
    query_scale(axes, budget)
    axes.set_ylabel(f"{measure.regret_name}: median, quartiles")


def _draw_reached(axes: Axes, progress: Sequence[Progress], measure: Measure) -> None:
    for one in progress:
        share = one.reached(measure).mean(axis=0)
        queries = np.arange(1, len(share) + 1)
        axes.plot(queries, share, drawstyle="steps-post", markevery=marks(len(share)), **style(one.strategy))
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_ylabel(f"seeds that have reached {measure.target_name}")


def _draw_found(
    axes: Axes, progress: Sequence[Progress], measure: Measure, published: Sequence[PublishedSearch]
) -> None:
    late = []
    for one in progress:
        low, middle, high = np.quantile(one.numbers, [0.25, 0.5, 0.75], axis=0)
        queries = np.arange(1, len(middle) + 1)
        look = style(one.strategy)
        axes.fill_between(queries, low, high, step="post", color=look["color"], alpha=0.10, linewidth=0)
        axes.plot(queries, middle, drawstyle="steps-post", markevery=marks(len(middle)), **look)
        late.append(middle[min(len(middle) - 1, 9) :])
    budget = max(one.numbers.shape[1] for one in progress)
    for number, search in enumerate(published):
        evaluations = np.append(np.minimum(search.evaluations, budget), budget)
        best = np.append(search.best, search.best[-1])
        here = np.append(search.evaluations <= budget, True)
        best[-1] = search.best[search.evaluations <= budget][-1]
        axes.plot(
            evaluations[here], best[here], drawstyle="steps-post", color="0.45", linewidth=0.9,
            linestyle=PUBLISHED_DASHES[number % len(PUBLISHED_DASHES)], label=f"{search.name} (published)",
        )  # fmt: skip
        late.append(best[here & (np.append(search.evaluations, budget) >= 10)])
    # The first designs would take most of the height.
    values = np.append(np.concatenate(late), measure.best)
    room = 0.04 * max(float(np.ptp(values)), 1e-9)
    axes.set_ylim(values.min() - room, values.max() + room)
    axes.axhline(measure.best, color="black", linewidth=0.8, linestyle=(0, (1, 2)))
    axes.set_ylabel(f"{measure.name}: median and quartiles")
