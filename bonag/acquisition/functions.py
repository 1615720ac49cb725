"""Acquisition functions by name, from BoTorch."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import torch
from botorch.acquisition.analytic import (
    AnalyticAcquisitionFunction,
    LogExpectedImprovement,
    LogProbabilityOfImprovement,
    UpperConfidenceBound,
)
from botorch.models.model import Model
from scipy.special import ndtri
from torch import Tensor

UCB_BETA = 1.0


class IndependentThompsonSampling(AnalyticAcquisitionFunction):
    """A draw from the posterior of each architecture on its own (White et al., 2021, "ITS").

    The draw is a function of the architecture and the seed, so asking twice gives the same answer.
    """

    def __init__(self, model: Model, seed: int) -> None:
        super().__init__(model=model)
        self.seed = seed

    def forward(self, X: Tensor) -> Tensor:
        """X: (B, 1, S) codes -> (B,) draws."""
        mean, sigma = self._mean_and_sigma(X)
        assert sigma is not None
        # A cryptographic hash: the checksums of two architectures differ by the same bits whatever the seed.
        key = self.seed.to_bytes(8, "little")
        digests = [blake2b(row.tobytes(), digest_size=4, key=key).digest() for row in X[:, 0].to(torch.int16).numpy()]
        uniform = (np.frombuffer(b"".join(digests), dtype="<u4") + 0.5) / 2**32
        return mean[:, 0] + sigma[:, 0] * torch.from_numpy(ndtri(uniform))


def make_acquisition(name: str, model: Model, incumbent: float, seed: int) -> AnalyticAcquisitionFunction:
    """The acquisition function of that name; raises ValueError.

    incumbent: the value to improve on, on the model's scale. seed: for Thompson sampling.

    ``log-ei`` is the logarithm of expected improvement in its numerically safe form (Ament et al., 2023), ``ucb`` the
    upper confidence bound (beta = 1), ``pi`` the logarithm of the probability of improvement.
    """
    if name == "log-ei":
        return LogExpectedImprovement(model, best_f=incumbent)
    if name == "ucb":
        return UpperConfidenceBound(model, beta=UCB_BETA)
    if name == "pi":
        return LogProbabilityOfImprovement(model, best_f=incumbent)
    if name == "thompson":
        return IndependentThompsonSampling(model, seed)
    raise ValueError(f"unknown acquisition '{name}': log-ei, ucb, pi or thompson")
