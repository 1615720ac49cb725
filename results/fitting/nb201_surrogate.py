"""``python results/fitting/nb201_surrogate.py``: fit the surrogate of NAS-Bench-201's accuracies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from card import run, table
from cell_network import Ensemble, train
from quality import QUALITY_HEADER, folds, quality, quality_row

from bonag.evaluators.artifact import Artifact
from bonag.evaluators.data_files import check_numeric, data_file, read_parquet
from bonag.evaluators.nb201_surrogate import FIRST_OP, NAME, NUM_CLASSES, TASKS, edge_vectors, is_connected, predict
from search_spaces import InvalidArchitectureError, get_space
from search_spaces.errors import UserError

FILE = "nb201_accuracy.parquet"
FOLDS = 10
# The widths are chosen on some folds of one partition into classes of equal networks; quality is reported on others.
CHOICE_SEED, REPORT_SEED, FIT_SEED = 0, 1, 0
CHOICE_FOLDS = 2
EPOCHS = 100
CANDIDATES = tuple(Ensemble(members=4, width=width, readout=2 * width, epochs=EPOCHS) for width in (24, 32, 48))


def read_rows(data_dir: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Edge operations from 0, (n, 6), and mean test accuracies after 200 epochs in %, (n, 2); raises UserError."""
    path = data_file(data_dir, FILE, "the fit of the nb201 surrogate")
    names = [f"{task}_test_200ep" for task in TASKS]
    columns = read_parquet(path, ["arch", *names])
    space = get_space("nb201")
    try:
        ops = space.codes([space.parse(str(arch)) for arch in columns["arch"]])[:, 1:-1] - FIRST_OP
    except InvalidArchitectureError as error:
        raise UserError(f"column 'arch' of {path} holds no cell: {error}") from error
    return ops, np.stack([check_numeric(path, name, columns[name]) for name in names], axis=1)


def network_classes(ops: np.ndarray) -> np.ndarray:
    """The number of the class of each of (n, 6) cells: two cells of a class compute the same function. (n,) int.

    A node's value is a multiset of terms. Skip passes the terms on, average pooling, which is linear, works on each of
    them, and a convolution makes one new term of them all; so dead edges, skips and symmetries leave no trace.
    """
    return np.unique([repr(_terms(row)) for row in ops.tolist()], return_inverse=True)[1]


def fit(data_dir: Path | None, command: str) -> Artifact:
    """The fitted ensemble, and how good it is where it was not fitted."""
    ops, accuracy = read_rows(data_dir)
    works = is_connected(ops)
    classes = network_classes(ops)
    choice = []
    for candidate in CANDIDATES:
        parts = list(class_folds(classes, FOLDS, CHOICE_SEED))[:CHOICE_FOLDS]
        mean, sd = held_out(ops, accuracy, parts, candidate)
        seen = works & ~np.isnan(mean[:, 0])
        choice.append([quality(accuracy[seen, i], mean[seen, i], sd[seen, i]) for i in range(len(TASKS))])
    chosen = CANDIDATES[int(np.argmax([np.mean([q["tau"] for q in both]) for both in choice]))]

    random = held_out(ops, accuracy, folds(len(ops), FOLDS, REPORT_SEED), chosen)
    by_class = held_out(ops, accuracy, class_folds(classes, FOLDS, REPORT_SEED), chosen)
    arrays = train(ops[works], accuracy[works], chosen, FIT_SEED)
    fitted = estimate(arrays, ops)
    return Artifact(
        arrays,
        {
            "rows": len(ops),
            "connected_rows": int(works.sum()),
            "classes": int(classes.max() + 1),
            "source": FILE,
            "command": command,
            "folds": FOLDS,
            "seed": FIT_SEED,
            "report_seed": REPORT_SEED,
            "members": chosen.members,
            "width": chosen.width,
            "choice": {
                str(candidate.width): dict(zip(TASKS, both, strict=True))
                for candidate, both in zip(CANDIDATES, choice, strict=True)
            },
            "held_out": _qualities(accuracy, random, works),
            "held_out_classes": _qualities(accuracy, by_class, works),
            "in_sample": _qualities(accuracy, fitted, works),
            "twin_sd": {task: _twin_sd(accuracy[works, i], classes[works]) for i, task in enumerate(TASKS)},
            "best": {task: _best(accuracy[:, i], fitted[0][:, i]) for i, task in enumerate(TASKS)},
        },
    )


def card(artifact: Artifact) -> str:
    """What was fitted on what, and how good it is held out."""
    facts = artifact.facts
    widths = [
        (width, *(f"{both[task]['tau']:.4f}" for task in TASKS), *(f"{both[task]['mae']:.3f}" for task in TASKS))
        for width, both in facts["choice"].items()
    ]
    qualities = [
        quality_row(f"{task}, {name}", facts[key][task])
        for task in TASKS
        for key, name in (
            ("held_out", "cells left out"),
            ("held_out_classes", "classes left out"),
            ("in_sample", "fitted on them"),
        )
    ]
    best = [(task, *(f"{value:.3f}" for value in facts["best"][task].values())) for task in TASKS]
    parameters = sum(array.size for array in artifact.arrays.values())
    twins = ", ".join(f"{facts['twin_sd'][task]:.2f} on {task}" for task in TASKS)
    fitted = ", ".join(f"{facts['in_sample'][task]['rmse']:.2f} on {task}" for task in TASKS)
    return f"""# Surrogate of NAS-Bench-201's accuracies

An ensemble of {facts["members"]} small networks that compute as a cell does ({facts["width"]} channels,
{parameters:,} numbers in all), of the mean test accuracy after 200 epochs on {" and ".join(TASKS)}.
Fitted on {facts["connected_rows"]:,} of the {facts["rows"]:,} rows of `{facts["source"]}` (NATS-Bench topology space).
The other cells have no path from input to output and get the accuracy of chance, which is theirs in the table. Dead
edges, skips and symmetry leave {facts["classes"]:,} different networks; equal ones get equal values.

Made by `{facts["command"]}` (deterministic, OMP_NUM_THREADS=1)

## Choice of the width

On {CHOICE_FOLDS} of {FOLDS} folds drawn with seed {CHOICE_SEED}, equal networks in the same fold: the best Kendall tau.

{table(("width", *(f"tau {task}" for task in TASKS), *(f"MAE {task}" for task in TASKS)), widths)}

## Held-out quality

On {FOLDS} folds drawn with seed {REPORT_SEED}. Cells left out: a random tenth at a time, of which most have an equal
network among the others. Classes left out: equal networks left out together, which is what a new network would meet.
Accuracies in %; z is (label - predicted) / sd, over connected cells; the last columns are the shares of labels inside
the central intervals.

{table(QUALITY_HEADER, qualities)}

Labels of equal networks themselves spread by {twins} points (one sd). On the very cells
that it was fitted on, it is off by more than that: {fitted} (root mean square). So the table
cannot be read out of it.

## Where its best cells stand in the table

{table(("task", "best label", "largest prediction", "label of its best cell", "best label among its ten best"), best)}

## What it is not

- It is no look-up: the evaluator `table` is. Both report test accuracy, and a search on either selects on what it
  reports.
- It knows NAS-Bench-201's training (200 epochs, its authors' hyperparameters) and no other; no network is trained.
- Its sd is too small for the few cells unlike all others (see z where classes were left out).
"""


def class_folds(classes: np.ndarray, k: int, seed: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """As ``folds``, with all cells of a class in the same fold."""
    for train_classes, test_classes in folds(int(classes.max()) + 1, k, seed):
        yield np.nonzero(np.isin(classes, train_classes))[0], np.nonzero(np.isin(classes, test_classes))[0]


def held_out(
    ops: np.ndarray, accuracy: np.ndarray, parts: Iterable[tuple[np.ndarray, np.ndarray]], ensemble: Ensemble
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd (%) of the held-out rows of every part, nan elsewhere: (n, 2) each."""
    mean, sd = np.full(accuracy.shape, np.nan), np.full(accuracy.shape, np.nan)
    for seed, (inside, outside) in enumerate(parts):
        inside = inside[is_connected(ops[inside])]
        mean[outside], sd[outside] = estimate(train(ops[inside], accuracy[inside], ensemble, seed), ops[outside])
    return mean, sd


def estimate(arrays: dict[str, np.ndarray], ops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the surrogate says: mean and sd (%), (n, 2) each; chance, without a doubt, where nothing is connected."""
    mean, sd = predict(arrays, edge_vectors(arrays), ops)
    works = is_connected(ops)[:, None]
    chance = np.array([100.0 / NUM_CLASSES[task] for task in TASKS])
    return np.where(works, mean, chance), np.where(works, sd, 0.0)


def _terms(row: list[int]) -> tuple[Any, ...]:
    none, skip, pool = 0, 1, 4
    nodes: list[tuple[Any, ...]] = [("input",)]
    edges = iter(row)
    for target in (1, 2, 3):
        terms: list[Any] = []
        for tail in range(target):
            op, value = next(edges), nodes[tail]
            if op == none or not value:
                continue
            if op == skip:
                terms += value
            elif op == pool:
                terms += [("pool", term) for term in value]
            else:
                terms.append((str(op), value))
        nodes.append(tuple(sorted(terms, key=repr)))
    return nodes[3]


def _qualities(
    accuracy: np.ndarray, estimated: tuple[np.ndarray, np.ndarray], works: np.ndarray
) -> dict[str, dict[str, float]]:
    """Ranks and errors over all cells; calibration over those that are connected, as chance is certain."""
    mean, sd = estimated
    rows = {}
    for i, task in enumerate(TASKS):
        everywhere = quality(accuracy[:, i], mean[:, i], np.maximum(sd[:, i], 1.0))
        ranks = {name: everywhere[name] for name in ("rows", "tau", "spearman", "mae", "rmse", "bias")}
        rows[task] = quality(accuracy[works, i], mean[works, i], sd[works, i]) | ranks
    return rows


def _twin_sd(accuracy: np.ndarray, classes: np.ndarray) -> float:
    """How far the labels of cells that are the same network spread: their pooled standard deviation."""
    counts = Counter(classes.tolist())
    squares = sum(((accuracy[classes == c] - accuracy[classes == c].mean()) ** 2).sum() for c in counts)
    return float(np.sqrt(squares / (len(accuracy) - len(counts))))


def _best(accuracy: np.ndarray, estimated: np.ndarray) -> dict[str, float]:
    """Where the surrogate's best cells stand in the table."""
    top = np.argsort(-estimated, kind="stable")[:10]
    return {
        "table": float(accuracy.max()),
        "surrogate": float(estimated.max()),
        "label_of_surrogates_best": float(accuracy[top[0]]),
        "best_label_of_surrogates_ten": float(accuracy[top].max()),
    }


if __name__ == "__main__":
    run(NAME, fit, card)
