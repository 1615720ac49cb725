"""What predictors are fitted on instead of raw accuracies."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

# How far below the median, in spreads of the better half, the scores of models go on nearly linearly.
TAILS = (0.5, 1.0, 2.0, 4.0)


def rank_gaussianise(values: np.ndarray) -> np.ndarray:
    """Normal scores of the values, with mean 0 and standard deviation 1; larger stays larger, ties stay equal.

    values: (n,) array, n >= 1.

    The scores are the standard normal quantiles of (rank - 1/2) / n, which makes a Gaussian process indifferent to the
    long lower tail that accuracies have (rank-based inverse normal transformation).
    """
    scores = ndtri((rankdata(values) - 0.5) / len(values))
    # Ties pull the quantiles off centre.
    scores -= scores.mean()
    spread = scores.std()
    return scores / spread if spread > 0 else np.zeros(len(values))


def model_scores(values: np.ndarray, tail: float) -> np.ndarray:
    """What the models of a search are fitted on, mean 0 and standard deviation 1; larger stays larger, ties stay equal.

    values: (n,) array, n >= 1, larger is better. tail: one of ``TAILS``.

    Linear from the median up, so that what is smooth stays smooth where the search goes; below it

        score = -tail * log(1 + distance / tail),

    distances being in units of the root mean square distance of the better half: a short tail keeps hopeless trials
    from squeezing all others together, a long one tells bad from worse.
    """
    scores = _bent(_distances(values), tail)
    scores -= scores.mean()
    spread = scores.std()
    return scores / spread if spread > 0 else np.zeros(len(values))


def log_slopes(values: np.ndarray, tail: float) -> float:
    """The sum of the logarithms of the slopes of ``model_scores`` at the (n,) values, up to what all tails share.

    The density of values is that of their scores times the slopes, so with them the likelihoods of tails compare.
    """
    distances = _distances(values)
    spread = _bent(distances, tail).std()
    if spread == 0:
        return 0.0
    return float(-np.log1p(np.maximum(-distances, 0.0) / tail).sum() - len(values) * np.log(spread))


def _distances(values: np.ndarray) -> np.ndarray:
    """From the median, in units of the root mean square of those above it, or below it if there are none: (n,)."""
    distances = values - np.median(values)
    distances /= max(np.abs(distances).max(), 1e-300)
    side = distances[distances > 0] if (distances > 0).any() else distances[distances < 0]
    return distances / np.sqrt((side**2).mean()) if len(side) else distances


def _bent(distances: np.ndarray, tail: float) -> np.ndarray:
    return np.where(distances >= 0, distances, -tail * np.log1p(np.maximum(-distances, 0.0) / tail))
