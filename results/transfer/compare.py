"""``python results/transfer/compare.py``: does seeing the data set tell which cells are good on it?

Kendall's tau between predicted and measured accuracies on tasks that were left out whole, into ``compare.csv``.
Settings were chosen by ``--choose``: cross-validation over the other tasks, which never looks at those left out.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import kendalltau, rankdata, wilcoxon
from tasks import LEFT_OUT, SPACE, draw_cells, draw_tasks

from bonag.transfer.fingerprint import FILTERS, fingerprint
from bonag.transfer.meta import CHOSEN, Settings, Task, fit_meta

HERE = Path(__file__).parent
FOLDS, SEEDS = 5, 3
SEEN = "data set seen"
# Of a task that takes part.
LEAST_CELLS = 16
# What is given the tasks to learn from and one to predict for: (n,) predictions for its architectures.
Method = Callable[[Sequence[Task], Task], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=Path, default=HERE / "trainings.csv")
    parser.add_argument("--network", default=FILTERS, help="of the fingerprints")
    parser.add_argument("--choose", action="store_true", help="compare settings, and leave the left out alone")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "compare.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tasks = read_tasks(options.trainings, options.network)
    learned = {number: task for number, task in tasks.items() if number not in LEFT_OUT}
    if options.choose:
        choose(learned)
        return
    left_out = {number: task for number, task in tasks.items() if number in LEFT_OUT}
    rows = [{"task": number} for number in left_out]
    for name, method in methods(CHOSEN).items():
        for row, task in zip(rows, left_out.values(), strict=True):
            row[name] = tau(method(list(learned.values()), task), task)
    with options.output.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: round(value, 4) for name, value in row.items()} for row in rows)
    tell({name: [row[name] for row in rows] for name in methods(CHOSEN)})


def choose(tasks: dict[int, Task]) -> None:
    """Cross-validate settings, and the methods to compare with."""
    variants: dict[str, dict[str, float]] = {
        "steps=100": {"steps": 100},
        "weight_decay=1": {"weight_decay": 1.0},
        "data_width=4": {"data_width": 4},
        "share=0.5": {"share": 0.5},
        "data_width=4, weight_decay=1": {"data_width": 4, "weight_decay": 1.0},
        "data_width=2, weight_decay=1": {"data_width": 2, "weight_decay": 1.0},
        "data_width=4, weight_decay=3": {"data_width": 4, "weight_decay": 3.0},
        "data_width=4, weight_decay=1, share=0.5": {"data_width": 4, "weight_decay": 1.0, "share": 0.5},
        "data_width=4, weight_decay=1, steps=100": {"data_width": 4, "weight_decay": 1.0, "steps": 100},
    }
    known = cross_validated(tasks, methods(CHOSEN, 1))
    tell(known)
    for name, changes in variants.items():
        seen = {SEEN: methods(replace(CHOSEN, **changes), 1)[SEEN]}
        print(name, end=": ")
        tell(cross_validated(tasks, seen) | {one: known[one] for one in known if one != SEEN})


def methods(settings: Settings, seeds: int = SEEDS) -> dict[str, Method]:
    """All that are compared. seeds: of fits whose mean predicts."""

    def meta(sees: bool) -> Method:
        def predict(learned: Sequence[Task], task: Task) -> np.ndarray:
            fits = [_fitted(tuple(learned), seed, sees, settings) for seed in range(seeds)]
            return np.mean([fit.predict(task.codes, task.fingerprint) for fit in fits], axis=0)

        return predict

    return {SEEN: meta(True), "not seen": meta(False), "mean of the others": mean_rank, "nearest": nearest}


_FITS: dict[object, object] = {}


def _fitted(learned: tuple[Task, ...], seed: int, sees: bool, settings: Settings):
    key = (*map(id, learned), seed, sees, settings)
    if key not in _FITS:
        _FITS[key] = fit_meta(SPACE, learned, seed, sees, settings)
    return _FITS[key]


def mean_rank(learned: Sequence[Task], task: Task) -> np.ndarray:
    """Of each cell over the tasks."""
    return np.mean([rankdata(one.values) for one in learned], axis=0)


def nearest(learned: Sequence[Task], task: Task, n: int = 3) -> np.ndarray:
    """The mean rank on the three tasks whose fingerprints are nearest."""
    from bonag.transfer.data_encoder import Scaling

    sets = Scaling.of([one.fingerprint for one in learned]).sets([one.fingerprint for one in [*learned, task]])
    places = [sets.owners == number for number in range(len(learned) + 1)]
    vectors = torch.stack([torch.cat([sets.classes[one].mean(0), sets.wholes[i]]) for i, one in enumerate(places)])
    distances = ((vectors[:-1] - vectors[-1]) ** 2).sum(dim=1)
    return mean_rank([learned[int(number)] for number in distances.argsort()[:n]], task)


def cross_validated(tasks: dict[int, Task], chosen: dict[str, Method]) -> dict[str, list[float]]:
    """By method, tau on each task when the tasks of its fold are left out."""
    numbers = sorted(tasks)
    found: dict[str, list[float]] = {name: [] for name in chosen}
    for fold in range(FOLDS):
        learned = [tasks[number] for place, number in enumerate(numbers) if place % FOLDS != fold]
        for number in numbers[fold::FOLDS]:
            for name, method in chosen.items():
                found[name].append(tau(method(learned, tasks[number]), tasks[number]))
    return found


def tell(found: dict[str, list[float]]) -> None:
    """Means, and p-values against the first."""
    first, *others = found
    parts = [f"{first} {np.mean(found[first]):.3f}"]
    for name in others:
        p = wilcoxon(found[first], found[name]).pvalue if found[first] != found[name] else 1.0
        parts.append(f"{name} {np.mean(found[name]):.3f} (p {p:.2g})")
    print("; ".join(parts), flush=True)


def tau(predicted: np.ndarray, task: Task) -> float:
    """Kendall's tau-b."""
    return float(kendalltau(predicted, task.values).statistic)


def read_tasks(path: Path, network: str) -> dict[int, Task]:
    """Those that have been trained, with their fingerprints, and the cells that were trained on all of them."""
    accuracies: defaultdict[int, dict[str, float]] = defaultdict(dict)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["repeat"] == "0":
                accuracies[int(row["task"])][row["architecture"]] = float(row["accuracy"])
    complete = {number: known for number, known in accuracies.items() if len(known) >= LEAST_CELLS}
    cells = [cell for cell in draw_cells() if all(str(cell) in known for known in complete.values())]
    found = {}
    for task in draw_tasks():
        if task.number in complete:
            train, known = task.make().train, complete[task.number]
            look = fingerprint(train.pixels, train.labels.numpy(), network)
            found[task.number] = Task(look, SPACE.codes(cells), np.array([known[str(cell)] for cell in cells]))
    print(f"{len(found)} tasks, {len(cells)} cells", flush=True)
    return found


if __name__ == "__main__":
    main()
