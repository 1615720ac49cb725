"""``python results/fitting/mbv3_surrogate.py``: fit the surrogate of measured ImageNet accuracy."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from card import run, table
from mbv3_measured import (
    SOURCES,
    USUAL,
    Rows,
    cross_validate,
    cross_validate_ridge,
    fit_rows,
    predict,
    read_rows,
)
from quality import QUALITY_HEADER, quality, quality_row

from bonag.evaluators.artifact import Artifact, accuracy_moments
from bonag.evaluators.mbv3_surrogate import NAME, PENALTY, SIZES, LogErrorModel, features
from search_spaces import get_space
from search_spaces.mbv3 import MBV3Architecture, from_ofa
from search_spaces.mbv3.architecture import SKIP

# The number of pseudo-inputs is chosen on one partition of the rows, and quality is reported on another.
CHOICE_FOLDS, CHOICE_SEED = 5, 0
FOLDS, REPORT_SEED = 10, 1
CANDIDATES = (0, 64, 128, 192)
EQUAL = 0.005
RANDOM_ARCHITECTURES, CLIMBS, CLIMB_SEED = 100_000, 20, 0
LARGEST = SIZES[0]
# The sizes below the largest, all together.
SMALLER = "128 to 192"
CHOICE_HEADER = (
    "model",
    *(f"{what} at {size} px" for what in ("Kendall tau", "RMSE") for size in (LARGEST, SMALLER)),
    "log density",
)


def fit(data_dir: Path | None, command: str) -> Artifact:
    """The fitted process, and how good it is where it was not fitted."""
    rows = read_rows(data_dir)
    comparison = {"ridge regression": cross_validate_ridge(rows, CHOICE_FOLDS, CHOICE_SEED)}
    for candidate in CANDIDATES:
        left_out = cross_validate(rows, candidate, CHOICE_FOLDS, CHOICE_SEED)
        comparison[f"{candidate} pseudo-inputs"] = left_out.moments()
    choice = {name: _by_size(rows, *moments) for name, moments in comparison.items()}
    chosen = _choose([choice[f"{candidate} pseudo-inputs"]["all"]["log_density"] for candidate in CANDIDATES])

    left_out = cross_validate(rows, chosen, FOLDS, REPORT_SEED)
    usual = left_out.usual(rows)
    held_out = _by_size(rows, *left_out.moments(usual[rows.size_index]))
    model = replace(fit_rows(rows, chosen), usual=usual)
    levels = np.array([np.log(100 - rows.accuracy[rows.sizes == size]).mean() for size in SIZES])
    noise, known = (accuracy_moments(levels, spread)[1] for spread in (model.noise, usual**2))
    for size, own in zip(SIZES, noise, strict=True):
        held_out[str(size)]["noise_sd"] = float(own)

    best = rows.take(rows.sizes == LARGEST)
    best = best.take(np.argsort(-best.accuracy)[:CLIMBS])
    climbs = {size: _highest(model, best, size) for size in SIZES}
    facts = {
        "rows": len(rows),
        "source": [file for file, _, _ in SOURCES],
        "command": command,
        "folds": FOLDS,
        "report_seed": REPORT_SEED,
        "pseudo_inputs": chosen,
        "choice": choice,
        "held_out": held_out,
        "in_sample": _by_size(rows, *predict(model, rows.ops, rows.sizes)),
        "largest_label": {str(size): float(rows.accuracy[rows.sizes == size].max()) for size in SIZES},
        "highest": {str(size): accuracy for size, (accuracy, _) in climbs.items()},
        "usual_sd": {str(size): float(own) for size, own in zip(SIZES, known, strict=True)},
        "far": _far(model, rows, climbs[LARGEST][1]),
        "extrapolation": _extrapolation(rows, chosen),
    }
    return Artifact(asdict(model), facts)


def card(artifact: Artifact) -> str:
    """What was fitted on what, how good it is held out, and what it says far from the data."""
    facts = artifact.facts
    parameters = sum(array.size for array in artifact.arrays.values())
    choice = [
        (
            name,
            *(f"{q[part][what]:.4f}" for what in ("tau", "rmse") for part in (str(LARGEST), SMALLER)),
            f"{q['all']['log_density']:.4f}",
        )
        for name, q in facts["choice"].items()
    ]
    held_out = [_row(f"{name} px", facts["held_out"][name]) for name in (*map(str, SIZES), SMALLER)]
    held_out += [_row(f"{name} px, fitted on them", facts["in_sample"][name]) for name in (str(LARGEST), SMALLER)]
    far = [(name, *(f"{value:.2f}" for value in row.values())) for name, row in facts["far"].items()]
    extrapolation = [_row(name, row) for name, row in facts["extrapolation"].items()]
    noise = ", ".join(f"{facts['held_out'][str(size)]['noise_sd']:.3f} at {size} px" for size in SIZES)
    usual = ", ".join(f"{facts['usual_sd'][str(size)]:.3f} at {size} px" for size in SIZES)
    highest, label = facts["highest"][str(LARGEST)], facts["largest_label"][str(LARGEST)]
    return f"""# Surrogate of measured ImageNet top-1 for the MobileNetV3 space

One Gaussian process of the logarithm of the top-1 error over networks and image sizes: additive in what every slot
holds, with a squared-exponential residual over a fitted summary of every stage and the image size, on
{facts["pseudo_inputs"]} optimised pseudo-inputs (Titsias, 2009). Fitted on {facts["rows"]:,} measurements of ImageNet
validation top-1, of subnets of Once-for-All's width-1.0 supernet:

- `{facts["source"][0]}`: 224 px, Intel's DyNAS-T (Apache-2.0); found by searches, so mostly good ones;
- `{facts["source"][1]}`: 128, 160 and 192 px, MOOFA; random ones, measured less exactly.

The artifact holds {parameters:,} fitted numbers and no row of the data; its pseudo-inputs are no architectures.

Made by `{facts["command"]}` (double precision, deterministic, OMP_NUM_THREADS=1)

## Choice of the size of the model

On {CHOICE_FOLDS} folds drawn with seed {CHOICE_SEED}: the fewest pseudo-inputs whose held-out log density is within
{EQUAL} of the best.

{table(CHOICE_HEADER, choice)}

## Held-out quality

On {facts["folds"]} other folds, drawn with seed {facts["report_seed"]}. Every number (hyperparameters, pseudo-inputs,
weights) was fitted anew without the fold. Accuracies in %; z is (measured - predicted) / sd; the last columns are the
shares of measurements inside the central 50, 80 and 95 % intervals.

{table((*QUALITY_HEADER[:4], "RMSE", *QUALITY_HEADER[4:]), held_out)}

The labels' own noise, as fitted (points, one sd): {noise}.
A perfect surrogate would have that as its error.

## Far from the data

At 224 px, in %. The best measured network has {label:.2f}; the highest estimate found by {2 * CLIMBS} climbs is
{highest:.2f}, {highest - label:+.2f} above. A climb starts at a random architecture or at one of the best measured
ones, and takes the best neighbour by estimate until none is better.

So that no search wins by errors made where nothing was measured, {PENALTY:g} standard deviations beyond what is usual
are taken off the estimate: beyond the sd (without noise) under which {100 * USUAL:.0f} % of held-out measured networks
lie, {usual}.

{table(("architectures", "least", "mean", "largest", "mean sd", "mean sd without noise"), far)}

Fits that have not seen the best, the largest or the smallest fifth of the rows of each size, tested on it, without a
penalty:

{table((*QUALITY_HEADER[:4], "RMSE", *QUALITY_HEADER[4:]), extrapolation)}

## What it is not

- It estimates subnets that use the supernet's weights, as measured by others. A network trained or
  fine-tuned on its own will differ.
- It says nothing about image sizes other than 128, 160, 192 and 224 px, nor about other widths.
"""


def _row(name: str, q: dict[str, float]) -> tuple[str, ...]:
    row = quality_row(name, q)
    return (*row[:4], f"{q['rmse']:.4f}", *row[4:])


def _by_size(rows: Rows, mean: np.ndarray, sd: np.ndarray) -> dict[str, dict[str, float]]:
    """The quality of predictions of all rows, of the smaller sizes', and of each size's."""
    groups = {"all": np.full(len(rows), True), SMALLER: rows.sizes != LARGEST}
    groups |= {str(size): rows.sizes == size for size in SIZES}
    return {name: quality(rows.accuracy[here], mean[here], sd[here]) for name, here in groups.items()}


def _choose(densities: list[float]) -> int:
    """The fewest pseudo-inputs whose held-out log density is as good as the best one's, to within ``EQUAL``."""
    return next(n for n, density in zip(CANDIDATES, densities, strict=True) if density >= max(densities) - EQUAL)


def _highest(model: LogErrorModel, best: Rows, size: int) -> tuple[float, np.ndarray]:
    """The highest estimate of climbs from random architectures and from the best measured ones, and its operations."""
    space = get_space("mbv3")
    starts = [*best.ops, *space.codes(space.sample(CLIMBS, np.random.default_rng(CLIMB_SEED)))]
    return max((climb(model, start, size) for start in starts), key=lambda end: end[0])


def climb(model: LogErrorModel, start: np.ndarray, size: int) -> tuple[float, np.ndarray]:
    """The accuracy and operations where the best neighbour is no better, uphill from an architecture's operations."""
    space = get_space("mbv3")
    best, best_accuracy = start, float(predict(model, start[None], np.array([size]))[0][0])
    while True:
        near = space.codes(space.neighbours(MBV3Architecture(tuple(best.tolist()))))
        accuracy, _ = predict(model, near, np.full(len(near), size))
        if accuracy.max() <= best_accuracy:
            return best_accuracy, best
        best, best_accuracy = near[int(accuracy.argmax())], float(accuracy.max())


def _far(model: LogErrorModel, rows: Rows, highest: np.ndarray) -> dict[str, dict[str, float]]:
    """Estimates, sd, and the part of the sd that is not noise, of the data's networks and of others, at 224 px."""
    space, here = get_space("mbv3"), rows.sizes == LARGEST
    random = space.sample(RANDOM_ARCHITECTURES, np.random.default_rng(CLIMB_SEED))
    groups = {
        "measured at 224 px": rows.ops[here],
        "measured at smaller sizes": rows.ops[~here],
        f"{RANDOM_ARCHITECTURES:,} uniform random": space.codes(random),
    }
    for kernel, expand, depth in ((3, 3, 2), (7, 3, 2), (7, 6, 2), (3, 3, 4), (7, 3, 4), (3, 6, 4), (7, 6, 4)):
        architecture = from_ofa([kernel] * 20, [expand] * 20, [depth] * 5)
        groups[f"all kernel {kernel}, expand {expand}, depth {depth}"] = space.codes([architecture])
    groups["the highest estimate found"] = highest[None]
    found = {}
    for name, group in groups.items():
        mean, variance, noise = model.predict(features(group, np.full(len(group), LARGEST)))
        accuracy, sd = accuracy_moments(mean, variance + noise)
        _, own = accuracy_moments(mean, variance)
        found[name] = {
            "least": float(accuracy.min()),
            "mean": float(accuracy.mean()),
            "largest": float(accuracy.max()),
            "sd": float(sd.mean()),
            "sd_without_noise": float(own.mean()),
        }
    return found


def _extrapolation(rows: Rows, pseudo_inputs: int) -> dict[str, dict[str, float]]:
    """Quality on a fifth of the rows of every size that no fit has seen."""
    expand = np.where(rows.ops == SKIP, 0, rows.ops % 3 + 1)
    amount = (rows.ops != SKIP).sum(axis=1) + expand.sum(axis=1) / 1000.0
    found = {}
    for name, values in (
        ("the best fifth left out", rows.accuracy),
        ("the largest fifth left out", amount),
        ("the smallest fifth left out", -amount),
    ):
        bounds = np.array([np.quantile(values[rows.sizes == size], 0.8) for size in SIZES])
        out = values > bounds[rows.size_index]
        model = fit_rows(rows.take(~out), pseudo_inputs)
        for size in (LARGEST, SIZES[1]):
            here = out & (rows.sizes == size)
            left = rows.take(here)
            found[f"{name}, {size} px"] = quality(left.accuracy, *predict(model, left.ops, left.sizes))
    return found


if __name__ == "__main__":
    run(NAME, fit, card)
