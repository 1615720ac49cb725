"""A Gaussian process over architectures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from bonag.predictors.architecture_kernel import ArchitectureKernel, BlockKernel
from bonag.predictors.features import GraphFeatures
from bonag.predictors.likelihood import NOISE, fit, fit_each, make_model
from bonag.predictors.posterior import ExactPosterior
from search_spaces import SearchSpace


@dataclass(frozen=True, eq=False)
class FittedProcess(ExactPosterior):
    """The Gaussian process over architectures, with its hyperparameters."""

    kernel: ArchitectureKernel

    def shares(self, codes: np.ndarray) -> dict[tuple[str, str], float]:
        """Of the mean over (B, S) codes, the share of each term of the kernel, by block of features and kind.

        The mean is a sum of one function per term, f = sum over k of f_k; the share is cov(f_k, f) / var(f), so that
        shares add up to one, and may be negative where terms counteract.
        """
        inputs, weights = self.kernel.inputs(codes), self._weights.numpy()
        parts = {name: term.matrix(inputs, self.inputs) @ weights for name, term in self.kernel.terms().items()}
        parts = {name: part - part.mean() for name, part in parts.items()}
        whole = np.sum(list(parts.values()), axis=0)
        return {name: float(part @ whole / max(float(whole @ whole), 1e-300)) for name, part in parts.items()}


class GaussianProcess:
    """The predictor ``gp``: hyperparameters maximise the marginal likelihood times their priors."""

    def __init__(self, space: SearchSpace) -> None:
        self.features = GraphFeatures(space)

    def fit(self, codes: np.ndarray, scores: np.ndarray) -> FittedProcess:
        """codes: (n, S). scores: (n,) of mean 0 and standard deviation 1."""
        inputs = self.features(codes)
        model = make_model(self.features, inputs, scores)
        fit(model)
        kernel = ArchitectureKernel(self.features, cast(BlockKernel, model.covar_module))
        return FittedProcess(kernel, inputs, scores, model.likelihood.noise.item())

    def log_likelihoods(self, codes: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """The logarithms of the largest marginal likelihoods times the priors, (T,), up to a constant.

        codes: (n, S). scores: T times those of all of them, (T, n). Each fit begins where the one before has ended, so
        that like scores should stand side by side.
        """
        return fit_each(make_model(self.features, self.features(codes), scores[0]), scores)

    def prior(self) -> FittedProcess:
        """The process before any evaluation, its hyperparameters at the medians of their priors."""
        width = sum(map(len, self.features.blocks.values()))
        kernel = ArchitectureKernel(self.features, BlockKernel(self.features))
        return FittedProcess(kernel, np.zeros((0, width)), np.zeros(0), NOISE)
