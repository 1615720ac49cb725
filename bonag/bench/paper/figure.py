"""A figure of the papers' protocols: shares in one panel, and in the other how far the best ones are from the best."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bonag.bench.paper.benchmarks import BENCHMARKS
from bonag.whole_file import whole_file

SHARES = ("raw_validity", "uniqueness", "novelty", "feasible", "meets_both")
BEST = "best"
NAMES = {"raw_validity": "validity", "meets_both": "meets both", "feasible": "meets the bound"}


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw ``table.paper_table`` to an SVG file: medians with quartiles, and crosses for what was published."""
    import matplotlib

    # Without a date and random names, so the same rows give the same file. Never a window.
    with matplotlib.rc_context({"svg.hashsalt": "bonag"}):
        from matplotlib.figure import Figure

        accurate = [one.title for one in BENCHMARKS if one.metric.metric == "accuracy"]
        panels = {
            "share of the samples": table[table["figure"].isin(SHARES)],
            "best accuracy found (%)": table[table["figure"].str.startswith(BEST) & table["benchmark"].isin(accurate)],
        }
        panels = {label: rows for label, rows in panels.items() if len(rows)}
        longest = max((len(rows) for rows in panels.values()), default=1)
        figure = Figure(figsize=(6.5 * max(1, len(panels)), 1.5 + 0.21 * longest), layout="constrained")
        for place, (label, rows) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(1, len(panels), place)
            height = range(len(rows), 0, -1)
            axes.hlines(height, rows["low"], rows["high"], color="tab:blue", alpha=0.4, linewidth=4)
            axes.plot(rows["bonag"], height, "o", color="tab:blue", label="bonag, median and quartiles")
            axes.plot(rows["published"], height, "x", color="black", label="published")
            axes.set_yticks(list(height), [_label(row) for row in rows.to_dict("records")], fontsize=8)
            axes.set_xlabel(label)
            axes.grid(axis="x", alpha=0.3)
            axes.set_ylim(0.3, len(rows) + 0.7)
            if place == 1:
                figure.legend(loc="outside upper center", ncols=2, fontsize=8)
        with whole_file(path) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})


def _label(row: Mapping[Any, Any]) -> str:
    what = str(row["figure"])
    parts = (row["benchmark"], row["setting"], NAMES.get(what, what))
    return ", ".join(str(part) for part in parts if part)
