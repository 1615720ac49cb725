"""Predictions of trials that the predictor has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bonag.insight.progress import report
from bonag.insight.trials import FOLDS, Measured, rng_of

if TYPE_CHECKING:
    import pandas as pd

    from bonag.acquisition.metric_models import MetricModel

NUMBER_OF_FOLDS = 5
# Two trials in each fold, and eight to learn from.
LEAST_TRIALS = 2 * NUMBER_OF_FOLDS
# Before the first prediction one step ahead, and how often the predictor is fitted for them at most.
FIRST_AHEAD, FITS_AHEAD = 5, 16
# An ensemble takes seconds to train.
FITS_OF_ENSEMBLES = 2
COLUMNS = ("trial", "measured", "mean", "deviation", "fold", "score", "score_mean", "score_deviation")


@dataclass(frozen=True)
class HeldOut:
    """Predictions of held-out trials, one row each; None where the metric is counted, so that nothing is predicted.

    Columns of both: trial, measured, mean, deviation (in the metric's unit, measurement noise included), fold; and
    score, score_mean, score_deviation, the same as scores, which the predictor works with and on which its
    intervals are symmetric.

    crossed: by cross-validation, in the order of the trials. ahead: predicted from the first ``fold`` trials only, as
    the search had to; ``every`` so many trials the predictor is fitted anew for it.
    """

    crossed: pd.DataFrame | None
    ahead: pd.DataFrame | None
    every: int


def held_out(data: Measured, predictor: str, seed: int) -> HeldOut:
    """Predict each of LEAST_TRIALS trials or more by a predictor that was fitted without it.

    The predictor is fitted wholly anew on every fold, its hyperparameters too.
    """
    if fit_model(data, predictor).exact:
        return HeldOut(None, None, 0)
    lengths, every = _lengths(len(data), FITS_AHEAD if predictor == "gp" else FITS_OF_ENSEMBLES)
    return HeldOut(
        _predict(data, predictor, folds(len(data), seed), "cross-validation"),
        _predict(data, predictor, _parts_ahead(lengths, len(data)), "predictions ahead"),
        every,
    )


def fit_model(data: Measured, predictor: str, rows: np.ndarray | slice = slice(None)) -> MetricModel:
    """The run's predictor of the metric, fitted on all of the trials or on some, just as the strategy does."""
    from bonag.acquisition.metric_models import MetricFitter

    return MetricFitter(data.space, data.metric, data.sign, predictor).fit(data.codes[rows], data.values[rows])


def folds(count: int, seed: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """(fold, rows to learn from, rows to predict), of which each row is predicted once."""
    parts = np.array_split(rng_of(seed, count, FOLDS).permutation(count), NUMBER_OF_FOLDS)
    # In the order of the trials, as the strategy has them.
    return [(fold, np.setdiff1d(np.arange(count), part), np.sort(part)) for fold, part in enumerate(parts)]


def _lengths(count: int, fits: int) -> tuple[list[int], int]:
    """After how many trials the predictor is fitted for predictions ahead, and how far apart that is."""
    every = max(1, int(np.ceil((count - FIRST_AHEAD) / fits)))
    return list(range(FIRST_AHEAD, count, every)), every


def _parts_ahead(lengths: list[int], count: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
    ends = [*lengths[1:], count]
    return [(length, np.arange(length), np.arange(length, end)) for length, end in zip(lengths, ends, strict=True)]


def _predict(
    data: Measured, predictor: str, parts: list[tuple[int, np.ndarray, np.ndarray]], what: str
) -> pd.DataFrame:
    import pandas as pd

    rows = [
        row
        for number, part in enumerate(parts, start=1)
        for row in _part(data, predictor, *part, said=f"{what}: fit {number} of {len(parts)}")
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("trial", ignore_index=True)


def _part(
    data: Measured, predictor: str, fold: int, known: np.ndarray, asked: np.ndarray, said: str
) -> Iterator[tuple[int | float, ...]]:
    report(said)
    model = fit_model(data, predictor, known)
    # What is not counted in all trials may look so in a few of them; then there is nothing to say of the others.
    if model.exact:
        return
    codes, values = data.codes[asked], data.values[asked]
    believed, scores = model.predict_values(codes, noisy=True), model.predict(codes)
    deviation = np.sqrt(scores.stddev**2 + model.noise**2)
    score = model.scale.to_scores(model.sign * values)
    columns = (data.trials[asked], values, believed.mean, believed.stddev, score, scores.mean, deviation)
    for trial, value, m, d, score, sm, sd in zip(*(column.tolist() for column in columns), strict=True):
        yield trial, value, m, d, fold, score, sm, sd
