"""``python results/early_stopping/report.py``: the table and the figure of the runs of ``contest.py``."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from contest import ARMS, EPOCHS, HERE

from bonag.bench.significance import holm, paired_p
from bonag.plots.static_axes import plain, reproducible, save
from bonag.whole_file import whole_file

COLOURS = {"none": "#555555", "asha": "#0072b2", "median": "#d55e00"}
Run = list[dict[str, Any]]


def read_runs(folder: Path, dataset: str) -> dict[str, dict[int, Run]]:
    """By arm and seed, the trials of each run."""
    found: dict[str, dict[int, Run]] = {arm: {} for arm in ARMS}
    for file in sorted(folder.glob(f"{dataset}-*-*.jsonl")):
        arm, seed = file.stem.removeprefix(f"{dataset}-").rsplit("-", 1)
        found[arm][int(seed)] = [json.loads(line) for line in file.read_text().splitlines()]
    return {arm: runs for arm, runs in found.items() if runs}


def best_after(run: Run, epochs: int) -> np.ndarray:
    """The best accuracy of a completed trial after each epoch that was spent: (epochs,), nan while there is none."""
    best = np.full(epochs, np.nan)
    for trial in run:
        if trial["status"] == "completed" and trial["spent"] <= epochs:
            best[trial["spent"] - 1] = trial["accuracy"]
    return np.fmax.accumulate(best)


def table(runs: dict[str, dict[int, Run]], seeds: list[int], epochs: int) -> list[dict[str, object]]:
    """One row per arm; p-values are of its difference from ``none``, paired by seed."""
    lines = {arm: np.array([best_after(runs[arm][seed], epochs) for seed in seeds]) for arm in runs}
    best = {arm: one[:, -1] for arm, one in lines.items()}
    area = {arm: np.nanmean(one, axis=1) for arm, one in lines.items()}
    others = [arm for arm in runs if arm != "none"]
    p_best = dict(zip(others, holm([paired_p(best[arm], best["none"]) for arm in others]), strict=True))
    p_area = dict(zip(others, holm([paired_p(area[arm], area["none"]) for arm in others]), strict=True))
    rows: list[dict[str, object]] = []
    for arm in runs:
        trials = [sum(trial["spent"] <= epochs for trial in runs[arm][seed]) for seed in seeds]
        completed = [sum(t["spent"] <= epochs and t["status"] == "completed" for t in runs[arm][s]) for s in seeds]
        low, middle, high = np.quantile(best[arm], [0.25, 0.5, 0.75])
        row = {"arm": arm, "seeds": len(seeds), "epochs": epochs, "trials": np.mean(trials)}
        row |= {"completed": np.mean(completed), "best": middle, "best q1": low, "best q3": high}
        row |= {"best mean": best[arm].mean(), "area": np.median(area[arm]), "area mean": area[arm].mean()}
        if arm != "none":
            row |= {"better best": int((best[arm] > best["none"]).sum()), "p best": p_best[arm]}
            row |= {"better area": int((area[arm] > area["none"]).sum()), "p area": p_area[arm]}
        rows.append({name: f"{value:.4g}" if isinstance(value, float) else value for name, value in row.items()})
    return rows


def draw(runs: dict[str, dict[int, Run]], seeds: list[int], epochs: int, path: Path) -> None:
    """Median and quartiles over seeds of the best accuracy against the epochs that were spent."""
    from matplotlib.figure import Figure

    with reproducible():
        figure = Figure(figsize=(7, 4.4), layout="constrained")
        axes = figure.subplots()
        for arm in runs:
            lines = np.array([best_after(runs[arm][seed], epochs) for seed in seeds])
            first = int(np.isnan(lines).any(axis=0).sum())
            low, middle, high = np.quantile(lines[:, first:], [0.25, 0.5, 0.75], axis=0)
            spent = np.arange(first, epochs) + 1
            axes.fill_between(spent, low, high, step="post", color=COLOURS[arm], alpha=0.12, linewidth=0)
            axes.plot(spent, middle, drawstyle="steps-post", color=COLOURS[arm], label=f"--stop-early {arm}")
        axes.set_xlabel("epochs")
        axes.set_ylabel("best validation accuracy (%): median, quartiles")
        axes.set_title(f"nb201 cells on fashion-mnist, 12 epochs each ({len(seeds)} seeds)", fontsize=10)
        axes.legend(frameon=False, loc="lower right")
        plain(axes)
        save(figure, path)


def main() -> None:
    """Write ``table.csv`` and ``figure.svg`` beside the runs, of the seeds that all arms have."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--runs", type=Path, default=HERE / "runs")
    parser.add_argument("-o", "--out", type=Path, default=HERE)
    chosen = parser.parse_args()
    wanted = chosen.arms.split(",")
    runs = {arm: one for arm, one in read_runs(chosen.runs, chosen.dataset).items() if arm in wanted}
    seeds = sorted(set.intersection(*(set(one) for one in runs.values())))
    rows = table(runs, seeds, chosen.epochs)
    names = list(dict.fromkeys(name for row in rows for name in row))
    with whole_file(chosen.out / "table.csv") as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    draw(runs, seeds, chosen.epochs, chosen.out / "figure.svg")


if __name__ == "__main__":
    main()
