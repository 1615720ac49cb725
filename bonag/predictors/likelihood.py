"""The hyperparameters of the Gaussian process over architectures, and what makes the best of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from bonag.predictors.architecture_kernel import ArchitectureKernel, interactions, products_and_distances
from bonag.predictors.features import GraphFeatures

# Medians of the log-normal priors: on targets of unit variance and blocks of unit spread, each term explains half of
# the variance, correlations die out over the distance of random pairs, and measurements repeat well.
OUTPUT_SCALE, LENGTHSCALE, NOISE = 0.5, 1.0, 0.03
PRIOR_WIDTH = 1.0
LEAST_NOISE = 1e-4
# How far hyperparameters may be from the medians, in widths of their priors.
FARTHEST = 8.0
MAX_FIT_STEPS = 50


@dataclass(frozen=True, eq=False)
class Hyperparameters:
    """A kernel, and the variance of a measurement around the mean."""

    kernel: ArchitectureKernel
    noise_variance: float

    @classmethod
    def medians(cls, features: GraphFeatures) -> Hyperparameters:
        """Those of their priors."""
        blocks = len(features.blocks)
        kernel = ArchitectureKernel(features, np.full((blocks, 2), OUTPUT_SCALE), np.full(blocks, LENGTHSCALE))
        return cls(kernel, NOISE)

    @classmethod
    def of_logarithms(cls, features: GraphFeatures, logarithms: np.ndarray) -> Hyperparameters:
        """The inverse of ``logarithms``."""
        values, blocks = np.exp(logarithms), len(features.blocks)
        kernel = ArchitectureKernel(features, values[: 2 * blocks].reshape(blocks, 2), values[2 * blocks : -1])
        return cls(kernel, float(values[-1]))

    def logarithms(self) -> np.ndarray:
        """Those of the kernel's scales, of its lengths, and of the noise: (H,)."""
        return np.log([*self.kernel.scales.ravel(), *self.kernel.lengths, self.noise_variance])


class LogPosterior:
    """The marginal likelihood of (n,) targets at (n, D) features times the priors, as a function of hyperparameters."""

    def __init__(self, features: GraphFeatures, inputs: np.ndarray, targets: np.ndarray) -> None:
        X = torch.from_numpy(inputs)
        self._features, self._targets = features, torch.from_numpy(targets)[:, None]
        parts = [X[:, columns[0] : columns[-1] + 1] for columns in features.blocks.values()]
        pairs = [products_and_distances(part, part) for part in parts]
        self._products, self._distances = zip(*pairs, strict=True)
        self._median = Hyperparameters.medians(features).logarithms()

    def __call__(self, logarithms: np.ndarray) -> tuple[float, np.ndarray]:
        """The logarithm, and its gradient, (H,), by the logarithms of the hyperparameters.

        Rasmussen and Williams (2006), equations 5.8 and 5.9. Raises ``torch.linalg.LinAlgError`` where the kernel
        matrix is singular.
        """
        values, n, blocks = np.exp(logarithms), len(self._targets), len(self._products)
        scales, lengths = values[: 2 * blocks].reshape(blocks, 2), values[2 * blocks : -1]
        matrix = torch.zeros(n, n, dtype=torch.float64)
        kernels, slopes = [], []
        for place, name in enumerate(self._features.blocks):
            kernel, slope = interactions(name, self._distances[place] / lengths[place] ** 2)
            matrix.add_(self._products[place], alpha=scales[place, 0]).add_(kernel, alpha=scales[place, 1])
            kernels.append(kernel)
            slopes.append(slope)
        matrix.diagonal().add_(values[-1])
        factor = torch.linalg.cholesky(matrix)
        weights = torch.cholesky_solve(self._targets, factor)
        fit = float(self._targets[:, 0] @ weights[:, 0]) + 2 * float(factor.diagonal().log().sum())
        # Of half the trace of this times the slope of the kernel matrix.
        lever = torch.addmm(torch.cholesky_inverse(factor), weights, weights.T, beta=-1).flatten() / 2
        by_scales = [[_dot(lever, self._products[place]), _dot(lever, kernels[place])] for place in range(blocks)]
        by_lengths = [scales[place, 1] * _dot(lever, slopes[place]) for place in range(blocks)]
        by_noise = values[-1] * float(lever.view(n, n).trace())
        distances = (logarithms - self._median) / PRIOR_WIDTH
        # The density of the priors is that of the hyperparameters themselves.
        prior = -0.5 * float(distances @ distances) - float(logarithms.sum())
        slope = np.array([*(scales * by_scales).ravel(), *by_lengths, by_noise]) - distances / PRIOR_WIDTH - 1
        return prior - 0.5 * fit - 0.5 * n * math.log(2 * math.pi), slope

    def maximise(self, start: Hyperparameters) -> tuple[Hyperparameters, float]:
        """The best hyperparameters by L-BFGS, and the logarithm that they reach; where that fails, the start."""
        n, first = len(self._targets), start.logarithms()

        def loss(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = self(logarithms)
            return -value / n, -slope / n

        far = FARTHEST * PRIOR_WIDTH
        bounds = [(median - far, median + far) for median in self._median]
        bounds[-1] = (math.log(LEAST_NOISE), bounds[-1][1])
        try:
            found = minimize(
                loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MAX_FIT_STEPS}
            )
        except torch.linalg.LinAlgError:
            return start, self(first)[0]
        return Hyperparameters.of_logarithms(self._features, found.x), -n * float(found.fun)


def _dot(lever: Tensor, slope: Tensor) -> float:
    return float(lever @ slope.flatten())
