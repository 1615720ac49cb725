"""``python results/transfer/train.py``: thirty cells trained on each of forty tasks, into ``trainings.csv``.

What is there already is not trained again. ``--repeat 1`` trains again from other seeds, which tells the noise.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from dataclasses import replace
from pathlib import Path

import torch
from tasks import CELLS, SPACE, TASKS, draw_cells, draw_tasks

from bonag.running_trial import RunningTrial
from bonag.training.fitting import Fit
from bonag.training.images import Dataset
from bonag.training.measuring import measure
from bonag.training.networks import build_arguments
from bonag.training.recipe import make_recipe
from search_spaces import Architecture

HERE = Path(__file__).parent
SETTINGS = ("epochs=6", "batch_size=64", "channels=8", "cells=1", "crop=0", "flip=false")
COLUMNS = ("task", "architecture", "repeat", "accuracy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=0)
    parser.add_argument("--tasks", type=int, nargs="*", default=list(range(TASKS)))
    parser.add_argument("--cells", type=int, default=CELLS, help="only the first of them")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "trainings.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tasks = draw_tasks()
    with (HERE / "tasks.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(tasks[0].row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(task.row for task in tasks)
    known = _known(options.output)
    for task in (tasks[number] for number in options.tasks):
        dataset, started, done = task.make(), time.monotonic(), 0
        for number, cell in enumerate(draw_cells()[: options.cells]):
            if (str(task.number), str(cell), str(options.repeat)) in known:
                continue
            accuracy = train(cell, dataset, seed=1000 * options.repeat + number)
            done += 1
            with options.output.open("a", newline="") as file:
                row = (task.number, str(cell), options.repeat, f"{accuracy:.3f}")
                csv.writer(file, lineterminator="\n").writerow(row)
        print(task, f"{(time.monotonic() - started) / max(done, 1):.2f} s a training", flush=True)


def train(cell: Architecture, dataset: Dataset, seed: int) -> float:
    """The accuracy (%) on the validation images after the training; of one that diverges, by chance."""
    recipe = replace(make_recipe("quick", SPACE, dataset, SETTINGS), image_size=None)
    fit = Fit(SPACE, cell, dataset, recipe, build_arguments(SPACE, recipe))
    # Only the last accuracy counts.
    fit.validation = dataset.validation.take([])
    try:
        network = fit.run(RunningTrial(seed=seed))
    except FloatingPointError:
        return 100 / dataset.num_classes
    fit.validation = dataset.validation
    accuracy = measure(network, dataset.validation, fit.pixels)
    return accuracy if math.isfinite(accuracy) else 100 / dataset.num_classes


def _known(path: Path) -> set[tuple[str, ...]]:
    if not path.exists():
        path.write_text(",".join(COLUMNS) + "\n")
    with path.open(newline="") as file:
        return {(row["task"], row["architecture"], row["repeat"]) for row in csv.DictReader(file)}


if __name__ == "__main__":
    main()
