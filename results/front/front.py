"""``python results/front/front.py --data DIR``: what a search finds beside what was measured, accuracy against MACs.

One run of 500 queries on the mbv3 surrogate at 224 px with two goals, and the front of all sub-networks that were
measured at 224 px. The run's accuracies are estimates. It is gone on with where it was interrupted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import bonag
from bonag.evaluators.data_files import data_file, read_parquet
from bonag.plots.static_axes import plain, reproducible, save
from bonag.whole_file import whole_file
from loops.dominance import non_dominated

HERE = Path(__file__).parent
FILE = "mbv3_imagenet224_measured.parquet"


def front(macs: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """The networks that none beats in both: (m, 2) MACs (millions) and accuracy (%), in rising order."""
    best = non_dominated(np.column_stack([-macs, accuracy]))
    points = np.column_stack([macs[best] / 1e6, accuracy[best]])
    return points[np.argsort(points[:, 0])]


def gain(found: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """At the MACs of each measured network of the front, how much more accurate (points) the found front is there."""
    place = np.searchsorted(found[:, 0], measured[:, 0], side="right") - 1
    return np.where(place >= 0, found[np.maximum(place, 0), 1], np.nan) - measured[:, 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of benchmark data (default: that of BONAG_DATA)")
    parser.add_argument("--budget", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("results/front-runs"))
    options = parser.parse_args()
    columns = read_parquet(data_file(options.data, FILE, "the measured front"), ["macs", "top1"])
    measured = front(columns["macs"].astype(float), columns["top1"].astype(float))
    name = f"front-{options.seed}"
    if (options.runs / name).exists():
        result = bonag.resume(options.runs / name)
    else:
        result = bonag.search(
            space="mbv3", task="imagenet224", objective=["accuracy", "-macs"], budget=options.budget, seed=options.seed,
            name=name, out=str(options.runs),
        )  # fmt: skip
    done = result.history.completed
    found = front(*(np.array([trial.metrics[name] for trial in done]) for name in ("macs", "accuracy")))
    with whole_file(HERE / "front.csv") as temporary:
        np.savetxt(temporary, found, fmt=("%.1f", "%.3f"), delimiter=",", header="MACs (M),estimate (%)", comments="")
    draw(found, measured, len(done))
    gains = gain(found, measured)
    print(
        f"front of {len(done)} queries: {len(found)} networks; at the MACs of the {len(measured)} measured ones of the "
        f"front, median {np.nanmedian(gains):+.2f} points, from {np.nanmin(gains):+.2f} to {np.nanmax(gains):+.2f}"
    )


def draw(found: np.ndarray, measured: np.ndarray, queries: int) -> None:
    """Write ``figure.svg``."""
    from matplotlib.figure import Figure

    with reproducible():
        figure = Figure(figsize=(7, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.step(
            *measured.T, where="post", color="0.4", linestyle=(0, (4, 2)), label="front of 1,730 measured networks"
        )
        label = f"front of {queries} queries of bonag (estimates of the surrogate)"
        axes.step(*found.T, where="post", color="#0072b2", label=label)
        axes.set_xlabel("MACs (millions)")
        axes.set_ylabel("ImageNet top-1 at 224 px (%)")
        axes.set_title("mbv3, width 1.0", fontsize=10)
        axes.legend(frameon=False, loc="lower right")
        plain(axes)
        save(figure, HERE / "figure.svg")


if __name__ == "__main__":
    main()
