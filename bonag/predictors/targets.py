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
