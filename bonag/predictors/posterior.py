"""Exact Gaussian process regression with a given kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from loops.protocols import Prediction


class Kernel(Protocol):
    """A covariance between architectures, which it sees as rows of numbers."""

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, D), what is seen of them."""
        ...

    def matrix(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, D) and (m, D) inputs -> (n, m)."""
        ...

    def variances(self, inputs: np.ndarray) -> np.ndarray:
        """(n, D) inputs -> (n,), the diagonal."""
        ...


@dataclass(frozen=True, eq=False)
class ExactPosterior:
    """A Gaussian process with mean zero, given (n,) scores at (n, D) inputs; a model in the sense of ``Predictor``.

    first: the process of the first of these inputs, so that only what the others add to it is to be solved.
    Rasmussen and Williams (2006), algorithm 2.1.
    """

    kernel: Kernel
    inputs: np.ndarray
    scores: np.ndarray
    noise_variance: float
    first: Self | None = None

    @property
    def noise(self) -> float:
        """Standard deviation of a measurement around the mean."""
        return self.noise_variance**0.5

    def predict(self, codes: np.ndarray) -> Prediction:
        """(B, S) codes -> B scores, each on its own, without the noise of a measurement."""
        factor, weights = self._factor, self._weights
        inputs = self.kernel.inputs(codes)
        cross = torch.from_numpy(self.kernel.matrix(self.inputs, inputs))
        explained = torch.linalg.solve_triangular(factor, cross, upper=False)
        variance = torch.from_numpy(self.kernel.variances(inputs)) - (explained**2).sum(dim=0)
        return Prediction((cross.T @ weights).numpy(), np.sqrt(variance.clamp_min(1e-12).numpy()))

    def condition(self, codes: np.ndarray, scores: np.ndarray) -> Self:
        """The same process given these (n, S) codes and (n,) scores instead."""
        inputs, known = self.kernel.inputs(codes), len(self.inputs)
        first = self if known > 0 and np.array_equal(inputs[:known], self.inputs) else None
        return replace(self, inputs=inputs, scores=scores, first=first)

    def extended(self, codes: np.ndarray, scores: np.ndarray) -> Self:
        """The same process given these (k, S) codes and (k,) scores as well."""
        inputs = np.concatenate([self.inputs, self.kernel.inputs(codes)])
        first = self if len(self.inputs) > 0 else None
        return replace(self, inputs=inputs, scores=np.concatenate([self.scores, scores]), first=first)

    def after(self, codes: np.ndarray) -> Self:
        """As if the (k, S) codes had been evaluated, and turned out as expected (Ginsbourger et al., 2010)."""
        return self.extended(codes, self.predict(codes).mean)

    def leave_one_out(self) -> Prediction:
        """What is said of each of the n scores when it is left out, the noise of a measurement included.

        Rasmussen and Williams (2006), equations 5.12: from the inverse of the noisy kernel matrix.
        """
        precision = torch.cholesky_inverse(self._factor).diagonal().numpy()
        return Prediction(self.scores - self._weights.numpy() / precision, precision**-0.5)

    @cached_property
    def _factor(self) -> Tensor:
        """The Cholesky factor L of the noisy kernel matrix, (n, n), which continues that of the first inputs."""
        if self.first is None:
            return torch.linalg.cholesky(self._noisy_matrix(self.inputs))
        known, first = len(self.first.inputs), self.first._factor
        new = self.inputs[known:]
        if len(new) == 0:
            return first
        across = torch.from_numpy(self.kernel.matrix(self.inputs[:known], new))
        below = torch.linalg.solve_triangular(first, across, upper=False).T
        corner = torch.linalg.cholesky(self._noisy_matrix(new) - below @ below.T)
        return torch.cat([functional.pad(first, (0, len(new))), torch.cat([below, corner], dim=1)])

    @cached_property
    def _weights(self) -> Tensor:
        """(L L^T)^-1 y, (n,)."""
        return torch.cholesky_solve(torch.from_numpy(self.scores)[:, None], self._factor)[:, 0]

    def _noisy_matrix(self, inputs: np.ndarray) -> Tensor:
        """That of measurements at (m, D) inputs, (m, m)."""
        matrix = torch.from_numpy(self.kernel.matrix(inputs, inputs))
        return matrix + self.noise_variance * torch.eye(len(matrix), dtype=matrix.dtype)
