"""Expected improvement on one number, as a logarithm that never vanishes: BoTorch's, of predictions."""

from __future__ import annotations

import numpy as np
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.models.model import Model
from botorch.posteriors import Posterior
from torch import Tensor

from loops.protocols import Prediction


class _Gaussians(Posterior):
    """B independent ones, of mean and variance (B, 1, 1). BoTorch's own builds their joint distribution first."""

    dtype, device = torch.float64, torch.device("cpu")

    def __init__(self, prediction: Prediction) -> None:
        self.mean = torch.from_numpy(prediction.mean)[:, None, None]
        self.variance = torch.from_numpy(prediction.stddev**2)[:, None, None]

    def rsample(self, sample_shape: torch.Size | None = None) -> Tensor:
        """Draws of all of them, (*sample_shape, B, 1, 1)."""
        shape = (*(sample_shape or ()), *self.mean.shape)
        return self.mean + self.variance.sqrt() * torch.randn(shape, dtype=self.dtype)


class _Marginals(Model):
    """A prediction as a BoTorch model, whichever inputs it is asked for."""

    num_outputs = 1

    def __init__(self, prediction: Prediction) -> None:
        super().__init__()
        self._posterior = _Gaussians(prediction)

    def posterior(self, X: Tensor, *args: object, **kwargs: object) -> Posterior:
        """Independent Gaussians, (B, 1, 1)."""
        return self._posterior


@torch.no_grad()
def log_expected_improvement(prediction: Prediction, best: np.ndarray | float) -> np.ndarray:
    """log E[max(Y - best, 0)] of Gaussians: (B,). best: one for all, which BoTorch takes in single precision, or (B,).

    In the numerically safe form of Ament et al. (2023), "Unexpected Improvements to Expected Improvement for Bayesian
    Optimization".
    """
    best_f = torch.from_numpy(best)[:, None] if isinstance(best, np.ndarray) else best
    function = LogExpectedImprovement(_Marginals(prediction), best_f=best_f)
    return function(torch.zeros(len(prediction.mean), 1, 1, dtype=torch.float64)).numpy()
