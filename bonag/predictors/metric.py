"""A predictor of one metric, whichever it is, from the architectures that were evaluated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from bonag.predictors.features import GraphFeatures
from bonag.predictors.gp import fit_hyperparameters, make_gp
from bonag.predictors.mixture import ArchitectureModel
from bonag.predictors.targets import rank_gaussianise

ROWS_AT_ONCE = 2048
# Of the rows, which come in random order, so many are enough to fit a handful of numbers on.
HYPERPARAMETER_ROWS = 300


@dataclass(frozen=True)
class MetricModel:
    """A Gaussian process on the normal scores of a metric."""

    model: ArchitectureModel

    def predict(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the normal scores of (B, S) codes, B > 0, measurement noise included: (B,), (B,)."""
        chunks = [codes[start : start + ROWS_AT_ONCE] for start in range(0, len(codes), ROWS_AT_ONCE)]
        mean, spread = np.concatenate([self.model.predict(chunk) for chunk in chunks], axis=1)
        return mean, spread**2 + self.model.gp.likelihood.noise.item()


def fit_metric(features: GraphFeatures, codes: np.ndarray, values: np.ndarray) -> MetricModel:
    """Fit a metric on (n, S) codes and its (n,) values."""
    X, y = torch.from_numpy(features(codes)), torch.from_numpy(rank_gaussianise(values))
    part = make_gp(features, X[:HYPERPARAMETER_ROWS], y[:HYPERPARAMETER_ROWS])
    fit_hyperparameters(part)
    gp = make_gp(features, X, y)
    gp.load_state_dict(part.state_dict())
    return MetricModel(ArchitectureModel(features, gp.eval()))
