"""Expected improvement on one number, as a logarithm that never vanishes: BoTorch's, of predictions."""

from __future__ import annotations

import numpy as np
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.models.model import Model
from botorch.posteriors import TorchPosterior
from torch import Tensor
from torch.distributions import Normal

from loops.protocols import Prediction


class _Marginals(Model):
    """A prediction as a BoTorch model, whichever inputs it is asked for."""

    num_outputs = 1

    def __init__(self, prediction: Prediction) -> None:
        super().__init__()
        mean, stddev = (torch.from_numpy(part)[:, None, None] for part in (prediction.mean, prediction.stddev))
        self._posterior = TorchPosterior(Normal(mean, stddev, validate_args=False))

    def posterior(self, X: Tensor, *args: object, **kwargs: object) -> TorchPosterior:
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
