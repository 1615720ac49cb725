"""``python results/fitting/mbv3_gpu_latency.py``: fit the GPU latencies on the measurements of HELP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from card import run, table
from latency_families import FAMILIES, ROOFLINES, Rows, fit_roofline, predict_roofline
from quality import folds

from bonag.evaluators.artifact import Artifact
from bonag.evaluators.data_files import data_file
from bonag.evaluators.mbv3_gpu_latency import METRICS, NAME, PARTS, SIZES, Roofline
from search_spaces import get_space
from search_spaces.errors import UserError
from search_spaces.mbv3 import from_ofa

FILE = "mbv3_latency.parquet"
# Rows that are only reported on, the folds in which a family is chosen on the others, and the seed of both.
REPORTED, FOLDS, SEED = 1000, 5, 0
# Image sizes are left out in as many groups, every so manieth size in one.
SIZE_GROUPS = 5


def read_rows(path: Path) -> tuple[Rows, dict[str, np.ndarray]]:
    """The networks, and (n,) ms by metric; raises UserError."""
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
        networks = [from_ofa(ks, e, d) for ks, e, d in zip(frame["ks"], frame["e"], frame["d"], strict=True)]
        columns = {metric: f"{metric.removeprefix('latency_')}_ms" for metric in METRICS}
        ms = {metric: frame[column].to_numpy(dtype=np.float64) for metric, column in columns.items()}
        return Rows(get_space("mbv3").codes(networks), frame["image_size"].to_numpy()), ms
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"cannot read {path} as measured latencies: {error}") from error


def split(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are fitted on, and those that are only reported on."""
    order = np.random.default_rng(SEED).permutation(n)
    return np.sort(order[REPORTED:]), np.sort(order[:REPORTED])


def fit(data_dir: Path | None, command: str) -> Artifact:
    """A roofline for each metric, of the family that cross-validation chose, and how far it is off."""
    rows, ms = read_rows(data_file(data_dir, FILE, "the fit of GPU latencies"))
    fitted, reported = split(len(rows.ops))
    models, chosen, families, held_out, left_out, width = {}, {}, {}, {}, {}, {}
    for metric, measured in ms.items():
        here, times = rows[fitted], measured[fitted]
        families[metric] = {name: _cross_validated(here, times, family) for name, family in FAMILIES.items()}
        chosen[metric] = min(families[metric], key=families[metric].__getitem__)
        if chosen[metric] not in ROOFLINES:
            raise UserError(f"of {metric}, '{chosen[metric]}' is best, which has no place in what is shipped")
        models[metric] = fit_roofline(here, times, ROOFLINES[chosen[metric]])
        predicted = predict_roofline(models[metric], rows[reported])
        held_out[metric] = errors(predicted, measured[reported], rows.sizes[reported])
        left_out[metric] = _sizes_left_out(here, times, FAMILIES[chosen[metric]])
        width[metric] = _compare_widths(rows, measured)
    facts = {
        "rows": len(rows.ops),
        "fitted": len(fitted),
        "reported": len(reported),
        "source": FILE,
        "command": command,
        "chosen": chosen,
        "families": families,
        "held_out": held_out,
        "size_left_out": left_out,
        "width": width,
    }
    return Artifact({part: np.stack([getattr(model, part) for model in models.values()]) for part in PARTS}, facts)


def errors(predicted: np.ndarray, measured: np.ndarray, sizes: np.ndarray) -> dict[str, Any]:
    """Relative errors and rank correlation, over all and by fifths of the image sizes."""
    from scipy.stats import kendalltau

    off = np.abs(predicted / measured - 1)
    return {
        "mean": float(off.mean()),
        "median": float(np.median(off)),
        "quantile_95": float(np.quantile(off, 0.95)),
        "bias": float(np.mean(predicted / measured - 1)),
        "tau": float(kendalltau(predicted, measured).statistic),
        "by_size": {
            f"{group[0]}-{group[-1]}": {
                "mean": float(off[(here := np.isin(sizes, group))].mean()),
                "tau": float(kendalltau(predicted[here], measured[here]).statistic),
            }
            for group in np.array_split(SIZES, 5)
        },
    }


def _cross_validated(rows: Rows, ms: np.ndarray, family: Callable[..., Any]) -> float:
    """The mean relative error of predictions for rows that were not fitted on."""
    off = np.empty(len(ms))
    for train, test in folds(len(ms), FOLDS, SEED):
        off[test] = np.abs(family(rows[train], ms[train])(rows[test]) / ms[test] - 1)
    return float(off.mean())


def _sizes_left_out(rows: Rows, ms: np.ndarray, family: Callable[..., Any]) -> float:
    """The mean relative error at image sizes that were not fitted on."""
    off = np.empty(len(ms))
    for group in range(SIZE_GROUPS):
        test = np.isin(rows.sizes, SIZES[group::SIZE_GROUPS])
        off[test] = np.abs(family(rows[~test], ms[~test])(rows[test]) / ms[test] - 1)
    return float(off.mean())


def _compare_widths(rows: Rows, ms: np.ndarray) -> dict[str, float]:
    """What tells widths apart: the error of a plain roofline with the work of each, on the rows not fitted on.

    ratio, tau: of the latencies of width 1.0 to those of width 1.2, if these were measured.
    """
    from scipy.stats import kendalltau

    fitted, reported = split(len(ms))
    off = {}
    for name, width in (("1.0", 1.0), ("1.2", 1.2)):
        meant = replace(rows, width=width)
        model: Roofline = fit_roofline(meant[fitted], ms[fitted])
        off[name] = float(np.abs(predict_roofline(model, meant[reported]) / ms[reported] - 1).mean())
    narrow, wide = predict_roofline(model, rows[reported]), predict_roofline(model, meant[reported])
    return {**off, "ratio": float(np.mean(narrow / wide)), "tau": float(kendalltau(narrow, wide).statistic)}


def card(artifact: Artifact) -> str:
    """What was fitted on what, and its errors."""
    facts = artifact.facts
    held_out, width = facts["held_out"], facts["width"]
    groups = list(next(iter(held_out.values()))["by_size"])
    quality = table(
        ("metric", "family", "Kendall tau", "mean error", "median", "95th percentile", "bias", "size left out"),
        [
            (
                metric,
                facts["chosen"][metric],
                f"{row['tau']:.3f}",
                *(_percent(row[key]) for key in ("mean", "median", "quantile_95")),
                f"{100 * row['bias']:+.1f} %",
                _percent(facts["size_left_out"][metric]),
            )
            for metric, row in held_out.items()
        ],
    )
    by_size = table(
        ("metric", *(f"{group} px" for group in groups)),
        [
            (metric, *(f"{_percent(one['mean'])}, {one['tau']:.3f}" for one in row["by_size"].values()))
            for metric, row in held_out.items()
        ],
    )
    families = table(
        ("metric", *FAMILIES),
        [(metric, *(f"{100 * row[name]:.2f} %" for name in FAMILIES)) for metric, row in facts["families"].items()],
    )
    widths = table(
        ("metric", "as width 1.0", "as width 1.2", "factor", "tau"),
        [
            (
                metric,
                f"{100 * row['1.0']:.2f} %",
                f"{100 * row['1.2']:.2f} %",
                f"{row['ratio']:.2f}",
                f"{row['tau']:.3f}",
            )
            for metric, row in width.items()
        ],
    )
    return f"""# Latency of MobileNetV3 networks on four GPUs

For each of {len(METRICS)} GPUs and batch sizes a roofline of the whole network: the larger one of what the host needs
to launch the blocks and of what the device needs to run them, which is a sum of non-negative rates times each layer's
work at the image size. By image size, and by what slots hold, small corrections of the logarithm are added where
cross-validation wanted them. Fitted on {facts["fitted"]:,} of the {facts["rows"]:,} rows of `{facts["source"]}`: random
networks of Once-for-All's MobileNetV3 space at {SIZES[0]}, {SIZES[1]}, ... {SIZES[-1]} px that the authors of HELP
(Lee et al., NeurIPS 2021; MIT) timed in PyTorch. Latencies are ms of a whole batch. The measurements are not shipped.

Made by `{facts["command"]}`

## Relative errors of what is shipped

On the {facts["reported"]:,} rows that it was neither fitted nor chosen on. The last column is of rows fitted on, where
a fifth of the image sizes was left out at a time, which then had no correction by size. What is shipped interpolates
these between the sizes that were measured.

{quality}

Mean error and Kendall's tau among the networks of similar image sizes:

{by_size}

One image at a time a GPU waits for the host, whose timings are unsteady: no family of models comes closer. A disturbed
measurement is always a slow one; the fit leans to the undisturbed ones, so it lies below the mean (bias). Where tau is
low, take the metric for a coarse bound, and not for a goal.

## Families that were compared

Mean relative error in {FOLDS}-fold cross-validation on the {facts["fitted"]:,} rows; the least one was chosen.
*Tables* add up blocks, growing with the image's area; *log tables* multiply them; *work rates* are the Note10's kind of
model with launches.

{families}

## What it is not

- The source does not say of which **width** its networks are, and the measurements do not tell: a plain roofline fits
  equally well with the work of either. HELP's own script that validates networks uses the width-1.2 supernet. The
  models say what was measured for these choices of blocks. If that was at width 1.2, bonag's networks, of width 1.0,
  are faster by the factor below on average, and rank as those of 1.2 with the Kendall tau in the last column, which is
  low where only some networks keep the GPU busy.
- Outside of {SIZES[0]} to {SIZES[-1]} px it is extrapolated.
- The time is that of PyTorch of 2021 on the authors' machines. Compiled networks, or another host, differ.

Mean relative error of a plain roofline on the {facts["reported"]:,} rows:

{widths}
"""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    run(NAME, fit, card)
