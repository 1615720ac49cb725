"""A Gaussian process over architectures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import gpytorch
import numpy as np
import torch
from botorch.exceptions import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import AdditiveKernel, Kernel, MaternKernel, RBFKernel, ScaleKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.means import ZeroMean
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.models import ExactGP
from gpytorch.priors import LogNormalPrior
from torch import Tensor

from bonag.predictors.features import GraphFeatures
from bonag.predictors.posterior import ExactPosterior
from search_spaces import SearchSpace

# Medians of the log-normal priors: on targets of unit variance and blocks of unit spread, each term explains half of
# the variance, correlations die out over the distance of random pairs, and measurements repeat well.
OUTPUT_SCALE, LENGTHSCALE, NOISE = 0.5, 1.0, 0.03
PRIOR_WIDTH = 1.0
MAX_FIT_STEPS = 30


class DotProductKernel(Kernel):
    """k(x, y) = <x, y>, as a plain matrix.

    GPyTorch's LinearKernel gives a low-rank matrix, which in a sum of kernels costs a singular value decomposition of
    the whole sum at every evaluation; and it has a variance besides the scale around it.
    """

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """(n, D) and (m, D) -> (n, m), or (n,) if only the diagonal is asked for."""
        return (x1 * x2).sum(dim=-1) if diag else x1 @ x2.mT


def architecture_kernel(features: GraphFeatures) -> Kernel:
    """A sum of kernels over the blocks of ``features``, two for each, every one with a scale of its own.

    Additive effects (linear), and interactions: among slots by a Matern-5/2 kernel on one-hots, that is a function of
    the number of slots, or of slots' attributes, that differ, among counts of any kind by an RBF kernel.
    """
    terms: list[Kernel] = []
    for name, columns in features.blocks.items():
        terms.append(DotProductKernel(active_dims=columns))
        if name == "slots":
            terms.append(MaternKernel(nu=2.5, active_dims=columns, **_lengthscale()))
        else:
            terms.append(RBFKernel(active_dims=columns, **_lengthscale()))
    return AdditiveKernel(
        *(ScaleKernel(term, outputscale_prior=LogNormalPrior(math.log(OUTPUT_SCALE), PRIOR_WIDTH)) for term in terms)
    )


def make_gp(features: GraphFeatures, X: Tensor, y: Tensor) -> SingleTaskGP:
    """The Gaussian process before its hyperparameters are fitted: all at the medians of their priors.

    X: (n, D) float64 features. y: (n,) float64 targets of mean 0 and standard deviation 1.
    """
    likelihood = GaussianLikelihood(
        noise_prior=LogNormalPrior(math.log(NOISE), PRIOR_WIDTH), noise_constraint=GreaterThan(1e-4)
    )
    kernel = architecture_kernel(features)
    model = SingleTaskGP(
        X, y[:, None], likelihood=likelihood, covar_module=kernel, mean_module=ZeroMean(), outcome_transform=None
    )
    model.likelihood.noise = NOISE
    for scaled in kernel.kernels:
        scaled.outputscale = OUTPUT_SCALE
        if scaled.base_kernel.has_lengthscale:
            scaled.base_kernel.lengthscale = LENGTHSCALE
    return model.to(X)


def maximise_likelihood(model: ExactGP) -> ExactMarginalLogLikelihood:
    """Maximise the marginal likelihood times the priors (L-BFGS), in place; where that fails, the medians stay.

    Returns what was maximised.
    """
    state = {name: value.clone() for name, value in model.state_dict().items()}
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    try:
        fit_gpytorch_mll(mll, optimizer_kwargs={"options": {"maxiter": MAX_FIT_STEPS}}, max_attempts=1)
    except ModelFittingError:
        model.load_state_dict(state)
    return mll


def fit_hyperparameters(model: SingleTaskGP) -> float:
    """``maximise_likelihood``; returns the logarithm of what it came to."""
    mll = maximise_likelihood(model)
    model.train()
    with torch.no_grad():
        reached = mll(model(*model.train_inputs), model.train_targets) * len(model.train_targets)
    model.eval()
    return float(reached)


@dataclass(frozen=True, eq=False)
class ArchitectureKernel:
    """``architecture_kernel`` with its hyperparameters, of codes."""

    features: GraphFeatures
    module: Kernel

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, D) features."""
        return self.features(codes)

    @torch.no_grad()
    def matrix(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, D) and (m, D) features -> (n, m)."""
        others = () if a is b else (torch.from_numpy(b),)
        return self.module(torch.from_numpy(a), *others).to_dense().numpy()

    @property
    def level(self) -> float:
        """The mean variance of uniform random architectures: every term has one times its scale."""
        return float(sum(part.outputscale.item() for part in self.module.kernels))

    @torch.no_grad()
    def variances(self, inputs: np.ndarray) -> np.ndarray:
        """(n, D) features -> (n,)."""
        return self.module(torch.from_numpy(inputs), diag=True).numpy()

    def terms(self) -> dict[tuple[str, str], ArchitectureKernel]:
        """The kernels of which it is the sum, by block of features and kind."""
        names = [(block, kind) for block in self.features.blocks for kind in ("additive", "interactions")]
        parts = (ArchitectureKernel(self.features, part) for part in self.module.kernels)
        return dict(zip(names, parts, strict=True))


@dataclass(frozen=True, eq=False)
class FittedProcess(ExactPosterior):
    """The Gaussian process over architectures, with its hyperparameters."""

    kernel: ArchitectureKernel

    def shares(self, codes: np.ndarray) -> dict[tuple[str, str], float]:
        """Of the mean over (B, S) codes, the share of each term of the kernel, by block of features and kind.

        The mean is a sum of one function per term, f = sum over k of f_k; the share is cov(f_k, f) / var(f), so that
        shares add up to one, and may be negative where terms counteract.
        """
        inputs, weights = self.kernel.inputs(codes), self._solved[1].numpy()
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
        return self._fit(codes, scores)[0]

    def log_likelihood(self, codes: np.ndarray, scores: np.ndarray) -> float:
        """The logarithm of the largest marginal likelihood times the priors, up to a constant."""
        return self._fit(codes, scores)[1]

    def prior(self) -> FittedProcess:
        """The process before any evaluation, its hyperparameters at the medians of their priors."""
        width = sum(map(len, self.features.blocks.values()))
        model = make_gp(self.features, torch.zeros(1, width, dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
        kernel = ArchitectureKernel(self.features, model.covar_module)
        return FittedProcess(kernel, np.zeros((0, width)), np.zeros(0), model.likelihood.noise.item())

    def _fit(self, codes: np.ndarray, scores: np.ndarray) -> tuple[FittedProcess, float]:
        inputs = self.features(codes)
        model = make_gp(self.features, torch.from_numpy(inputs), torch.from_numpy(scores))
        with gpytorch.settings.max_cholesky_size(100_000):
            reached = fit_hyperparameters(model)
        kernel = ArchitectureKernel(self.features, model.covar_module)
        return FittedProcess(kernel, inputs, scores, model.likelihood.noise.item()), reached


def _lengthscale() -> dict[str, object]:
    return {"lengthscale_prior": LogNormalPrior(math.log(LENGTHSCALE), PRIOR_WIDTH)}
