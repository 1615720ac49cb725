"""Figures of what was measured."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bonag.whole_file import whole_file

PANELS = {"accuracy": "mean accuracy (%)", "distinct": "distinct cells"}


def guidance_figure(rows: pd.DataFrame, path: Path) -> bool:
    """Draw table ``guided`` to an SVG file: accuracy and distinct cells against strength, with quartiles over seeds.

    rows: as ``generator_rows.COLUMNS``. False where they hold no such table, and nothing is drawn.
    """
    guided = rows[(rows["table"] == "guided") & rows["setting"].str.startswith("strength=")]
    if guided.empty:
        return False
    guided = guided.assign(strength=guided["setting"].str.removeprefix("strength=").astype(float))
    import matplotlib

    # Without a date and random names, so the same rows give the same file. Never a window.
    with matplotlib.rc_context({"svg.hashsalt": "bonag"}):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.6), layout="constrained")
        for axes, (name, label) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
            for (generator, method), line in guided[guided["figure"] == name].groupby(
                ["generator", "method"], sort=False
            ):
                line = line.sort_values("strength")
                style = "k--" if method == "exact" else "o-"
                [drawn] = axes.plot(line["strength"], line["value"], style, label=f"{generator}: {method}")
                axes.fill_between(line["strength"], line["low"], line["high"], color=drawn.get_color(), alpha=0.15)
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_xlabel("guidance strength")
            axes.set_ylabel(label)
        axes.legend()
        with whole_file(path) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})
    return True
