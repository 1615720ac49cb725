"""The numbers of the pages on predictor and generator in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bonag.insight.quality import Quality
from bonag.plots import notation


@dataclass(frozen=True)
class Number:
    """A number as it is shown, and one sentence on what it says."""

    name: str
    value: str
    meaning: str


# What the numbers of held-out predictions say.
MEANINGS = {
    "Kendall tau": "Pairs of trials in the right order less those in the wrong one: 1 is perfect, 0 is chance.",
    "Spearman": "The correlation of predicted and measured ranks.",
    "R²": "The share of the variance that is predicted; below 0, the mean of all trials predicts better.",
    "RMSE": "The root of the mean squared error, in the metric's unit.",
    "In 50 % intervals": "Measurements in the central half of their predicted distribution; fewer: it is too sure.",
    "In 90 % intervals": "The same for the central nine tenths.",
    "Mean standardised error": "Errors in predicted deviations: 0 ± 1 if the predictor knows what it does not know.",
    "Trials": "Held-out trials behind these numbers.",
}
BLOCKS = {
    "slots": "what each slot holds",
    "totals": "how often each operation is live, and how long the live paths are",
    "paths": "the sequences of operations along live paths",
    "sequences": "which two or three operations follow one another on live paths",
}


def numbers(found: Quality, metric: str, measured: np.ndarray) -> list[Number]:
    """What ``quality`` found. measured: (n,) values of the metric, which tell its unit."""
    values = {
        "Kendall tau": _plain(found.kendall),
        "Spearman": _plain(found.spearman),
        "R²": _plain(found.r2),
        "RMSE": amount(found.rmse, metric, measured, 3),
        "In 50 % intervals": share(found.within_50),
        "In 90 % intervals": share(found.within_90),
        "Mean standardised error": _signed(found.bias, found.spread),
        "Trials": f"{found.trials:,}",
    }
    return [Number(name, values[name], meaning) for name, meaning in MEANINGS.items()]


def share(value: float) -> str:
    """``12.5 %``; a dash for none."""
    return "–" if np.isnan(value) else f"{100 * value:.3g} %"


def amount(value: float, metric: str, measured: np.ndarray, digits: int = 5) -> str:
    """A value of the metric with its unit; a dash for none. measured: (n,), values that tell the unit."""
    return "–" if np.isnan(value) else notation.number(value, notation.unit(metric, measured), digits)


def _plain(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _signed(mean: float, deviation: float) -> str:
    return "–" if np.isnan(mean) else f"{mean:+.2f} ± {deviation:.2f}"
