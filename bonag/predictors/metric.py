"""A predictor of one metric, whichever it is, from the architectures that were evaluated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bonag.predictors.gp import GaussianProcess
from bonag.predictors.posterior import ExactPosterior
from bonag.scores import rank_gaussianise

ROWS_AT_ONCE = 2048
# Of the rows, which come in random order, so many are enough to fit a handful of numbers on.
HYPERPARAMETER_ROWS = 300


@dataclass(frozen=True)
class MetricModel:
    """A Gaussian process on the normal scores of a metric."""

    model: ExactPosterior

    def predict(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the normal scores of (B, S) codes, B > 0, measurement noise included: (B,), (B,)."""
        chunks = [codes[start : start + ROWS_AT_ONCE] for start in range(0, len(codes), ROWS_AT_ONCE)]
        predictions = [self.model.predict(chunk) for chunk in chunks]
        mean, spread = (np.concatenate([getattr(p, part) for p in predictions]) for part in ("mean", "stddev"))
        return mean, spread**2 + self.model.noise_variance


def fit_metric(process: GaussianProcess, codes: np.ndarray, values: np.ndarray) -> MetricModel:
    """Fit a metric on (n, S) codes and its (n,) values."""
    scores = rank_gaussianise(values)
    part = process.fit(codes[:HYPERPARAMETER_ROWS], scores[:HYPERPARAMETER_ROWS])
    return MetricModel(part.condition(codes, scores))
