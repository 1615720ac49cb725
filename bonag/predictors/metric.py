"""A predictor of one metric, whichever it is, from the architectures that were evaluated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import norm

from bonag.predictors.features import GraphFeatures
from bonag.predictors.gp import fit_hyperparameters, leave_one_out, make_gp
from bonag.predictors.mixture import ArchitectureModel
from bonag.predictors.targets import rank_gaussianise

ROWS_AT_ONCE = 2048
# Of the rows, which come in random order, so many are enough to fit a handful of numbers on.
HYPERPARAMETER_ROWS = 300


@dataclass(frozen=True)
class MetricModel:
    """A Gaussian process on the normal scores of a metric.

    all_slots: whether its kernel sees operations that are not live. held_out: the mean log density of the normal scores
    that it was fitted on, each left out in turn.
    """

    model: ArchitectureModel
    all_slots: bool
    held_out: float

    def predict(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the normal scores of (B, S) codes, B > 0, measurement noise included: (B,), (B,)."""
        chunks = [codes[start : start + ROWS_AT_ONCE] for start in range(0, len(codes), ROWS_AT_ONCE)]
        mean, spread = np.concatenate([self.model.predict(chunk) for chunk in chunks], axis=1)
        return mean, spread**2 + self.model.gp.likelihood.noise.item()


def fit_metric(features: GraphFeatures, codes: np.ndarray, values: np.ndarray) -> MetricModel:
    """Fit a metric on (n, S) codes and its (n,) values, with the kernel of two that predicts held-out ones better."""
    X, y = torch.from_numpy(features(codes)), torch.from_numpy(rank_gaussianise(values))
    candidates = []
    for all_slots in (False, True):
        part = make_gp(features, X[:HYPERPARAMETER_ROWS], y[:HYPERPARAMETER_ROWS], all_slots)
        fit_hyperparameters(part)
        gp = make_gp(features, X, y, all_slots)
        gp.load_state_dict(part.state_dict())
        gp.eval()
        mean, spread = leave_one_out(gp)
        density = float(norm.logpdf(y.numpy(), mean, spread).mean())
        candidates.append(MetricModel(ArchitectureModel(features, gp), all_slots, density))
    return max(candidates, key=lambda model: model.held_out)
