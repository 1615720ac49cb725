"""A Gaussian process over architectures."""

from __future__ import annotations

import math

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
from gpytorch.priors import LogNormalPrior
from torch import Tensor

from bonag.predictors.features import GraphFeatures

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


def fit_hyperparameters(model: SingleTaskGP) -> float:
    """Maximise the marginal likelihood times the priors (L-BFGS), in place; where that fails, the medians stay.

    Returns the logarithm of what it came to.
    """
    state = {name: value.clone() for name, value in model.state_dict().items()}
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    try:
        fit_gpytorch_mll(mll, optimizer_kwargs={"options": {"maxiter": MAX_FIT_STEPS}}, max_attempts=1)
    except ModelFittingError:
        model.load_state_dict(state)
    model.train()
    with torch.no_grad():
        reached = mll(model(*model.train_inputs), model.train_targets) * len(model.train_targets)
    model.eval()
    return float(reached)


def leave_one_out(model: SingleTaskGP) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (noise included) at each training point when it is left out: (n,), (n,).

    Rasmussen and Williams (2006), equations 5.12: from the inverse of the noisy kernel matrix.
    """
    with torch.no_grad():
        X, y = model.train_inputs[0], model.train_targets
        K = model.covar_module(X).to_dense() + model.likelihood.noise * torch.eye(len(X), dtype=X.dtype)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(K))
        precision = inverse.diagonal()
        mean = y - (inverse @ y) / precision
    return mean.numpy(), precision.rsqrt().numpy()


def _lengthscale() -> dict[str, object]:
    return {"lengthscale_prior": LogNormalPrior(math.log(LENGTHSCALE), PRIOR_WIDTH)}
