"""``python results/fitting/mbv3_surrogate.py``: fit the surrogate of measured ImageNet accuracy."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
from card import run, table
from quality import QUALITY_HEADER, folds, quality, quality_row
from sparse_process import fit_process

from bonag.evaluators.artifact import Artifact
from bonag.evaluators.data_files import check_numeric, data_file, read_parquet
from bonag.evaluators.mbv3_surrogate import NAME, SIZES, LogErrorModel, accuracy_moments, features
from search_spaces import InvalidArchitectureError, get_space
from search_spaces.errors import UserError
from search_spaces.mbv3 import from_ofa
from search_spaces.mbv3.architecture import SKIP

FILE = "mbv3_imagenet_measured.parquet"
FOLDS = 10
# The number of pseudo-inputs is chosen on one partition of the rows, and quality is reported on another.
CHOICE_SEED, REPORT_SEED, FIT_SEED = 0, 1, 0
CANDIDATES = (0, 32, 64, 128)
EQUAL = 0.005
RIDGE = 10.0
ITERATIONS = 60
RANDOM_ARCHITECTURES, CLIMBS = 100_000, 20


def read_rows(data_dir: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Operations (n, 20), image sizes (n,) and measured top-1 in % (n,); raises UserError."""
    path = data_file(data_dir, FILE, "the fit of the mbv3 surrogate")
    columns = read_parquet(path, ["ks", "e", "d", "image_size", "top1"])
    try:
        lists = zip(columns["ks"], columns["e"], columns["d"], strict=True)
        ops = get_space("mbv3").codes([from_ofa(ks, e, d) for ks, e, d in lists])
    except (TypeError, InvalidArchitectureError) as error:
        raise UserError(f"columns 'ks', 'e' and 'd' of {path} hold no mbv3 architectures: {error}") from error
    sizes = check_numeric(path, "image_size", columns["image_size"]).astype(np.int64)
    if not set(sizes) <= set(SIZES):
        raise UserError(f"column 'image_size' of {path} holds {sorted(set(sizes) - set(SIZES))}, not only {SIZES}")
    return ops, sizes, 100.0 * check_numeric(path, "top1", columns["top1"])


def fit(data_dir: Path | None, command: str) -> Artifact:
    """The fitted process, and how good it is where it was not fitted."""
    ops, sizes, accuracy = read_rows(data_dir)
    comparison = {"ridge regression": _ridge_cross_validation(ops, sizes, accuracy, CHOICE_SEED)}
    for candidate in CANDIDATES:
        comparison[f"{candidate} pseudo-inputs"] = cross_validate(ops, sizes, accuracy, candidate, CHOICE_SEED)
    chosen = _choose([comparison[f"{candidate} pseudo-inputs"] for candidate in CANDIDATES], accuracy)

    mean, sd = cross_validate(ops, sizes, accuracy, chosen, REPORT_SEED)
    model = _fit(ops, sizes, accuracy, chosen)
    held_out = {"all": quality(accuracy, mean, sd)}
    for size in SIZES:
        here = sizes == size
        _, noise_sd = accuracy_moments(np.log(100 - accuracy[here].mean()), model.noise[SIZES.index(size)])
        held_out[str(size)] = quality(accuracy[here], mean[here], sd[here]) | {"noise_sd": float(noise_sd)}
    in_sample = quality(accuracy, *predict(model, ops, sizes))

    largest = sizes == SIZES[0]
    facts = {
        "rows": len(accuracy),
        "source": FILE,
        "command": command,
        "folds": FOLDS,
        "seed": FIT_SEED,
        "report_seed": REPORT_SEED,
        "pseudo_inputs": chosen,
        "choice": {
            name: {
                "all": quality(accuracy, mean, sd),
                str(SIZES[0]): quality(accuracy[largest], mean[largest], sd[largest]),
            }
            for name, (mean, sd) in comparison.items()
        },
        "held_out": held_out,
        "in_sample": in_sample,
        "largest_label": {str(size): float(accuracy[sizes == size].max()) for size in SIZES},
        "far": _far(model, ops),
        "extrapolation": _extrapolation(ops, sizes, accuracy, chosen),
    }
    return Artifact(asdict(model), facts)


def card(artifact: Artifact) -> str:
    """What was fitted on what, how good it is held out, and what it says far from the data."""
    facts = artifact.facts
    parameters = sum(array.size for array in artifact.arrays.values())
    choice = [
        (name, *(f"{v:.4f}" for v in (q["all"]["tau"], q["192"]["tau"], q["all"]["mae"], q["all"]["log_density"])))
        for name, q in facts["choice"].items()
    ]
    held_out = [quality_row("all sizes", facts["held_out"]["all"])]
    held_out += [quality_row(f"{size} px", facts["held_out"][str(size)]) for size in SIZES]
    held_out.append(quality_row("all, fitted on them", facts["in_sample"]))
    far = [(name, *(f"{value:.2f}" for value in row.values())) for name, row in facts["far"].items()]
    extrapolation = [quality_row(name, row) for name, row in facts["extrapolation"].items()]
    noise = ", ".join(f"{facts['held_out'][str(size)]['noise_sd']:.2f} at {size} px" for size in SIZES)
    return f"""# Surrogate of measured ImageNet top-1 for the MobileNetV3 space

A Gaussian process of the logarithm of the top-1 error: additive in what every slot holds, with a squared-exponential
residual over what every stage holds and the image size, on {facts["pseudo_inputs"]} optimised pseudo-inputs (Titsias,
2009). Fitted on {facts["rows"]:,} rows of `{facts["source"]}`: subnets of Once-for-All's width-1.0 supernet
whose ImageNet validation top-1 MOOFA measured at 128, 160 and 192 px. The artifact holds {parameters:,} fitted
numbers and no row of the data; its pseudo-inputs are no architectures.

Made by `{facts["command"]}` (double precision, deterministic, OMP_NUM_THREADS=1)

## Choice of the size of the model

On {FOLDS} folds drawn with seed {CHOICE_SEED}: the fewest pseudo-inputs whose held-out log density is within {EQUAL} of
the best.

{table(("model", "Kendall tau", "Kendall tau at 192 px", "MAE", "log density"), choice)}

## Held-out quality

On {FOLDS} other folds, drawn with seed {REPORT_SEED}. Every number (hyperparameters, pseudo-inputs, weights) was
fitted anew without the fold. Accuracies in %; z is (measured - predicted) / sd; the last columns are the shares of
measurements inside the central 50, 80 and 95 % intervals.

{table(QUALITY_HEADER, held_out)}

The labels' own noise, as fitted: {noise} points (one sd). A perfect
surrogate would have that as its error.

## Far from the data

At 192 px, in %. The data's largest label is {facts["largest_label"]["192"]:.2f}. A climb starts at a random
architecture and takes the best neighbour by predicted accuracy until none is better.

{table(("architectures", "least", "mean", "largest", "mean sd", "mean sd without noise"), far)}

The data have depths 2, 3 and 4 equally often, so uniform random architectures, which are nearly always deep, lie at the
edge of the data, and the largest and smallest network beyond it; there the sd without noise grows. Fits that have not
seen the deepest or shallowest fifth of the rows, tested on it:

{table(QUALITY_HEADER, extrapolation)}

## What it is not

- It estimates subnets that use the supernet's weights, as measured by others. A network trained or
  fine-tuned on its own will differ.
- It says nothing about image sizes other than 128, 160 and 192 px, nor about other widths.
"""


def cross_validate(
    ops: np.ndarray, sizes: np.ndarray, accuracy: np.ndarray, pseudo_inputs: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Held-out mean and sd (%) of every row; all but the number of pseudo-inputs is fitted anew in each fold."""
    mean, sd = np.empty(len(accuracy)), np.empty(len(accuracy))
    for train, test in folds(len(accuracy), FOLDS, seed):
        model = _fit(ops[train], sizes[train], accuracy[train], pseudo_inputs)
        mean[test], sd[test] = predict(model, ops[test], sizes[test])
    return mean, sd


def predict(model: LogErrorModel, ops: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (%) of measurements."""
    mean, variance, noise = model.predict(features(ops, sizes))
    return accuracy_moments(mean, variance + noise)


def climb(model: LogErrorModel, start: np.ndarray, size: int) -> tuple[float, np.ndarray]:
    """The accuracy and operations where the best neighbour is no better, uphill from an architecture's operations."""
    from search_spaces.mbv3 import MBV3Architecture

    space = get_space("mbv3")
    best, best_accuracy = start, float(predict(model, start[None], np.array([size]))[0][0])
    while True:
        near = space.codes(space.neighbours(MBV3Architecture(tuple(best.tolist()))))
        accuracy, _ = predict(model, near, np.full(len(near), size))
        if accuracy.max() <= best_accuracy:
            return best_accuracy, best
        best, best_accuracy = near[int(accuracy.argmax())], float(accuracy.max())


def _fit(ops: np.ndarray, sizes: np.ndarray, accuracy: np.ndarray, pseudo_inputs: int) -> LogErrorModel:
    return fit_process(features(ops, sizes), accuracy, pseudo_inputs, FIT_SEED, ITERATIONS)


def _choose(predictions: list[tuple[np.ndarray, np.ndarray]], accuracy: np.ndarray) -> int:
    """The fewest pseudo-inputs whose held-out log density is as good as the best one's, to within ``EQUAL``."""
    densities = [quality(accuracy, mean, sd)["log_density"] for mean, sd in predictions]
    return next(n for n, density in zip(CANDIDATES, densities, strict=True) if density >= max(densities) - EQUAL)


def _ridge_cross_validation(
    ops: np.ndarray, sizes: np.ndarray, accuracy: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The baseline: ridge regression on one-hot operations and sizes, with the training residuals' sd."""
    one_hot = np.eye(SKIP + 1)[ops].reshape(len(ops), -1)
    x = np.concatenate([one_hot, np.eye(len(SIZES))[[SIZES.index(size) for size in sizes]]], axis=1)
    mean, sd = np.empty(len(accuracy)), np.empty(len(accuracy))
    for train, test in folds(len(accuracy), FOLDS, seed):
        centre, level = x[train].mean(axis=0), accuracy[train].mean()
        inside = x[train] - centre
        weights = np.linalg.solve(inside.T @ inside + RIDGE * np.eye(x.shape[1]), inside.T @ (accuracy[train] - level))
        mean[test] = level + (x[test] - centre) @ weights
        sd[test] = (accuracy[train] - level - inside @ weights).std()
    return mean, sd


def _far(model: LogErrorModel, ops: np.ndarray) -> dict[str, dict[str, float]]:
    """Accuracy, sd, and the part of the sd that is not noise, of the data's architectures and of others, at 192 px."""
    space, size = get_space("mbv3"), SIZES[0]
    rng = np.random.default_rng(FIT_SEED)
    groups = {
        "the data's architectures": ops,
        f"{RANDOM_ARCHITECTURES:,} uniform random": space.codes(space.sample(RANDOM_ARCHITECTURES, rng)),
    }
    for kernel, expand, depth in ((3, 3, 2), (7, 3, 2), (7, 6, 2), (3, 3, 4), (7, 3, 4), (3, 6, 4), (7, 6, 4)):
        architecture = from_ofa([kernel] * 20, [expand] * 20, [depth] * 5)
        groups[f"all kernel {kernel}, expand {expand}, depth {depth}"] = space.codes([architecture])
    climbs = [climb(model, start, size) for start in space.codes(space.sample(CLIMBS, rng))]
    groups[f"highest of {CLIMBS} climbs"] = max(climbs, key=lambda c: c[0])[1][None]
    rows = {}
    for name, group in groups.items():
        mean, variance, noise = model.predict(features(group, np.full(len(group), size)))
        accuracy, sd = accuracy_moments(mean, variance + noise)
        _, own = accuracy_moments(mean, variance)
        rows[name] = {
            "least": float(accuracy.min()),
            "mean": float(accuracy.mean()),
            "largest": float(accuracy.max()),
            "sd": float(sd.mean()),
            "sd_without_noise": float(own.mean()),
        }
    return rows


def _extrapolation(
    ops: np.ndarray, sizes: np.ndarray, accuracy: np.ndarray, pseudo_inputs: int
) -> dict[str, dict[str, float]]:
    """Quality on the largest, and on the smallest, fifth of the networks by depth and then width, seen by no fit."""
    expand = np.where(ops == SKIP, 0, ops % 3 + 1)
    amount = (ops != SKIP).sum(axis=1) + expand.sum(axis=1) / 1000.0
    low, high = np.quantile(amount, [0.2, 0.8])
    rows = {}
    for name, left_out in (("largest fifth left out", amount > high), ("smallest fifth left out", amount < low)):
        model = _fit(ops[~left_out], sizes[~left_out], accuracy[~left_out], pseudo_inputs)
        rows[name] = quality(accuracy[left_out], *predict(model, ops[left_out], sizes[left_out]))
    return rows


if __name__ == "__main__":
    run(NAME, fit, card)
