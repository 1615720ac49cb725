"""The Gaussian process and the graph ensemble as one BoTorch model over codes."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from botorch.models import SingleTaskGP
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from torch import Tensor

from bonag.predictors.ensemble import GraphEnsemble
from bonag.predictors.features import GraphFeatures
from bonag.predictors.targets import TAILS

# Below this weight the ensemble moves no decision and is not asked.
NEGLIGIBLE = 0.02


class ArchitectureModel(Model):
    """A mixture of a Gaussian process and, with weight ``ensemble_weight``, a deep ensemble.

    The posterior is the Gaussian with the mixture's mean and variance, per architecture: it is meant for the analytic
    acquisition functions.
    """

    def __init__(
        self,
        features: GraphFeatures,
        gp: SingleTaskGP,
        ensemble: GraphEnsemble | None = None,
        ensemble_weight: float = 0.0,
        rescale: tuple[float, float] = (1.0, 0.0),
        before: ArchitectureModel | None = None,
        tail: float = TAILS[-1],
    ) -> None:
        """rescale: factor and offset from the ensemble's targets to the Gaussian process' targets.

        before: the model before evaluations were imagined. The Gaussian process is sure of them at once; the ensemble's
        spread shrinks in the same proportion.

        tail: of the scores (``targets.model_scores``) that the Gaussian process was fitted on.
        """
        super().__init__()
        self.features, self.gp, self.ensemble = features, gp, ensemble
        self.ensemble_weight = ensemble_weight if ensemble_weight > NEGLIGIBLE else 0.0
        self.rescale = rescale
        self.before = before
        self.tail = tail

    @property
    def num_outputs(self) -> int:
        """One."""
        return 1

    @torch.no_grad()
    def predict(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, without measurement noise, of (B, S) codes: (B,), (B,)."""
        X = torch.from_numpy(self.features(codes))
        mean, variance = self._gaussian_process(X)
        if self.ensemble is None or self.ensemble_weight == 0:
            return mean, np.sqrt(variance)
        factor, offset = self.rescale
        other, spread = self.ensemble.predict(codes)
        other, spread = factor * other + offset, abs(factor) * spread
        if self.before is not None:
            spread = spread * np.sqrt(variance / self.before._gaussian_process(X)[1])
        w = self.ensemble_weight
        mixed = (1 - w) * mean + w * other
        second = (1 - w) * (variance + mean**2) + w * (spread**2 + other**2)
        return mixed, np.sqrt(np.maximum(second - mixed**2, 1e-12))

    @cached_property
    def _solved(self) -> tuple[Tensor, Tensor]:
        """The Cholesky factor L of the noisy kernel matrix, (n, n), and (L L^T)^-1 y, (n,)."""
        X, y = self.gp.train_inputs[0], self.gp.train_targets
        noise = self.gp.likelihood.noise * torch.eye(len(X), dtype=X.dtype)
        factor = torch.linalg.cholesky(self.gp.covar_module(X).to_dense() + noise)
        return factor, torch.cholesky_solve(y[:, None], factor)[:, 0]

    def _gaussian_process(self, X: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Marginal means and variances at (B, D) features: (B,), (B,).

        Equal to the marginals of ``gp.posterior``, which computes the covariances among the B points as well.
        """
        factor, weights = self._solved
        cross = self.gp.covar_module(self.gp.train_inputs[0], X).to_dense()
        explained = torch.linalg.solve_triangular(factor, cross, upper=False)
        variance = self.gp.covar_module(X, diag=True) - (explained**2).sum(dim=0)
        return (cross.T @ weights).numpy(), variance.clamp_min(1e-12).numpy()

    def posterior(self, X: Tensor, *args: Any, **kwargs: Any) -> GPyTorchPosterior:
        """X: (B, 1, S) codes, as floats -> independent Gaussians, (B, 1, 1); ValueError for others."""
        if X.ndim != 3 or X.shape[1] != 1:
            raise ValueError(f"X must be (B, 1, S), as there is no joint posterior; got {tuple(X.shape)}")
        mean, spread = self.predict(X[:, 0].long().cpu().numpy())
        variance = torch.from_numpy(spread**2)[:, None, None]
        return GPyTorchPosterior(MultivariateNormal(torch.from_numpy(mean)[:, None], variance))


def stacking_weight(y: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """The weight in [0, 1] of the second of two predictors with which their mean has the least squared held-out error.

    Stacked regression (Breiman, 1996). y: (n,) targets; first, second: (n,) held-out predictions.
    """
    difference = second - first
    return float(np.clip((y - first) @ difference / max(difference @ difference, 1e-12), 0, 1))
