"""Gaussian process regression with a given kernel, and its expected improvement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.special import erfcx, ndtr


class Kernel(Protocol):
    """A covariance between architectures."""

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, S) and (m, S) codes -> (n, m)."""
        ...

    def diagonal(self, codes: np.ndarray) -> np.ndarray:
        """(n, S) codes -> (n,), the variances."""
        ...


@dataclass(frozen=True, eq=False)
class Posterior:
    """A Gaussian process with mean zero and that kernel, given (n,) targets at (n, S) codes, and their noise variance.

    Rasmussen and Williams (2006), algorithm 2.1.
    """

    kernel: Kernel
    codes: np.ndarray
    targets: np.ndarray
    noise: float

    @cached_property
    def _solved(self) -> tuple[np.ndarray, np.ndarray]:
        matrix = self.kernel(self.codes, self.codes)
        factor = cholesky(matrix + self.noise * np.eye(len(matrix)), lower=True)
        return factor, cho_solve((factor, True), self.targets)

    def predict(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations, without noise: (B, S) codes -> (B,), (B,)."""
        factor, weights = self._solved
        cross = self.kernel(self.codes, codes)
        explained = solve_triangular(factor, cross, lower=True)
        variance = self.kernel.diagonal(codes) - (explained**2).sum(axis=0)
        return cross.T @ weights, np.sqrt(np.maximum(variance, 1e-12))

    def imagined(self, codes: np.ndarray) -> Posterior:
        """As if the (k, S) codes had been evaluated, and turned out as expected (Ginsbourger et al., 2010)."""
        targets = np.concatenate([self.targets, self.predict(codes)[0]])
        return Posterior(self.kernel, np.concatenate([self.codes, codes]), targets, self.noise)


@dataclass(frozen=True)
class ExpectedImprovement:
    """The logarithm of the expected improvement, in a numerically safe form (Ament et al., 2023).

    On the best that the posterior believes to have been seen: measurements are noisy.
    """

    posterior: Posterior

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B,)."""
        mean, spread = self.posterior.predict(codes)
        return np.log(spread) + _log_improvement((mean - self.incumbent) / spread)

    @cached_property
    def incumbent(self) -> float:
        """The value to improve on."""
        return float(self.posterior.predict(self.posterior.codes)[0].max())

    def after(self, codes: np.ndarray) -> ExpectedImprovement:
        """The acquisition once the (k, S) codes are evaluated and turn out as expected."""
        return self if len(codes) == 0 else ExpectedImprovement(self.posterior.imagined(codes))

    def note(self) -> dict[str, Any]:
        """Nothing that the trial should say of it."""
        return {}


def _log_improvement(z: np.ndarray) -> np.ndarray:
    """log(pdf(z) + z cdf(z)) of the standard normal, also where that is far below the smallest number."""
    density = -(z**2) / 2 - np.log(2 * np.pi) / 2
    near, far = np.maximum(z, -1.0), np.clip(z, -1e5, -1.0)
    direct = np.log(np.exp(-(near**2) / 2) / np.sqrt(2 * np.pi) + near * ndtr(near))
    # pdf + z cdf = pdf (1 - |z| sqrt(pi / 2) erfcx(|z| / sqrt(2))); its limit for z to minus infinity is pdf / z^2.
    ratio = 1 + far * np.sqrt(np.pi / 2) * erfcx(-far / np.sqrt(2))
    tail = np.where(z > -1e3, np.log(np.maximum(ratio, 1e-300)), -2 * np.log(np.maximum(-z, 1.0)))
    return np.where(z > -1.0, direct, density + tail)
