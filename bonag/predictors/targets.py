"""What predictors are fitted on instead of raw accuracies."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata


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


def model_scores(values: np.ndarray) -> np.ndarray:
    """What the models of a search are fitted on, mean 0 and standard deviation 1; larger stays larger, ties stay equal.

    values: (n,) array, n >= 1, larger is better.

    Half of it are normal scores, half the values themselves above the median, in units of their root mean square
    distance from it. Normal scores alone put the best trial as far above the second best however little it leads, and
    late in a search, when many are nearly as good, that makes rough what is smooth.
    """
    ranks = rank_gaussianise(values)
    above = np.maximum(values - np.median(values), 0.0)
    above /= max(above.max(), 1e-300)
    unit = np.sqrt((above[above > 0] ** 2).mean()) if above.any() else 1.0
    linear = np.where(above > 0, above / unit, np.minimum(ranks, 0.0))
    linear -= linear.mean()
    scores = ranks + linear / max(linear.std(), 1e-12)
    spread = scores.std()
    return scores / spread if spread > 0 else np.zeros(len(values))
