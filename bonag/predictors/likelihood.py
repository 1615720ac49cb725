"""The fit of the Gaussian process over architectures: GPyTorch's model, BoTorch's fit, slopes in closed form."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
from botorch.exceptions import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.means import ZeroMean
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.models import ExactGP
from gpytorch.priors import LogNormalPrior
from linear_operator.utils.cholesky import psd_safe_cholesky
from torch import Tensor

from bonag.predictors.architecture_kernel import (
    LENGTHSCALE,
    OUTPUT_SCALE,
    PRIOR_WIDTH,
    BlockKernel,
    logarithmic,
    of_distances,
    slopes,
)
from bonag.predictors.features import GraphFeatures

# Median of the prior of the noise's variance: measurements repeat well.
NOISE = 0.03
LEAST_NOISE = 1e-4
# How far hyperparameters may be from the medians, in widths of their priors.
FARTHEST = 8.0
MAX_FIT_STEPS = 50
# A step that changes the logarithm by a smaller share is the last.
LEAST_CHANGE = 1e-5
_NOISE, _SCALES, _LENGTHS = "likelihood.noise_covar.raw_noise", "covar_module.raw_scales", "covar_module.raw_lengths"
# Medians of the priors of what these are the logarithms of.
_MEDIANS = {_NOISE: NOISE, _SCALES: OUTPUT_SCALE, _LENGTHS: LENGTHSCALE}


def make_model(features: GraphFeatures, inputs: np.ndarray, targets: np.ndarray) -> SingleTaskGP:
    """The Gaussian process before its hyperparameters are fitted: all at the medians of their priors.

    inputs: (n, D) features. targets: (n,) of mean 0 and standard deviation 1.
    """
    X, y = torch.from_numpy(inputs), torch.from_numpy(targets)[:, None]
    prior = LogNormalPrior(math.log(NOISE), PRIOR_WIDTH)
    likelihood = GaussianLikelihood(noise_prior=prior, noise_constraint=logarithmic())
    model = SingleTaskGP(
        X,
        y,
        likelihood=likelihood,
        covar_module=BlockKernel(features),
        mean_module=ZeroMean(),
        outcome_transform=None,
    )
    model.likelihood.noise = NOISE
    return model.to(X)


def fit(model: SingleTaskGP) -> float:
    """Maximise the marginal likelihood times the priors (L-BFGS), in place; where that fails, the model stays.

    Returns the logarithm of what it came to.
    """
    posterior = LogPosterior(model)
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    settings = {
        "parameters": posterior.parameters,
        "bounds": posterior.bounds,
        "options": {"maxiter": MAX_FIT_STEPS, "ftol": LEAST_CHANGE},
    }
    try:
        fit_gpytorch_mll(mll, closure=posterior.loss, optimizer_kwargs=settings, max_attempts=1)
    except ModelFittingError:
        model.eval()
    return float(posterior()[0])


def fit_each(model: SingleTaskGP, targets: np.ndarray) -> np.ndarray:
    """Fit the model to (T, n) targets, one after the other, each from where the one before has ended.

    Returns the logarithms that ``fit`` returns, (T,).
    """
    reached = []
    for one in targets:
        ExactGP.set_train_data(model, targets=torch.from_numpy(one), strict=False)
        reached.append(fit(model))
    return np.array(reached)


class LogPosterior:
    """The marginal likelihood of a model of ``make_model`` times its priors, in closed form.

    What GPyTorch's modules and autograd find too, by way of a lazy tensor and a graph at each step.

    parameters: by name, those of the model, which are logarithms. bounds: by name, within which they are looked for.
    """

    def __init__(self, model: SingleTaskGP) -> None:
        kernel = cast(BlockKernel, model.covar_module)
        (X,) = model.train_inputs
        self.parameters: dict[str, Tensor] = dict(model.named_parameters())
        self._kernel, self._noise = kernel, self.parameters[_NOISE]
        self._targets, self._parts = model.train_targets[:, None], kernel.parts(X, X)
        self._medians = {name: math.log(_MEDIANS[name]) for name in self.parameters}
        far = FARTHEST * PRIOR_WIDTH
        self.bounds = {name: (median - far, median + far) for name, median in self._medians.items()}
        self.bounds[_NOISE] = (math.log(LEAST_NOISE), self.bounds[_NOISE][1])

    def loss(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What BoTorch minimises, for each target, and its slopes by the parameters."""
        value, slopes = self()
        n = len(self._targets)
        return -value / n, tuple(-slope / n for slope in slopes)

    @torch.no_grad()
    def __call__(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The logarithm, and its slopes in the order of the parameters.

        Rasmussen and Williams (2006), equations 5.8 and 5.9. Raises linear_operator's NotPSDError where the kernel
        matrix is singular.
        """
        scales, lengths, noise, n = self._kernel.scales, self._kernel.lengths, self._noise.exp(), len(self._targets)
        matrix = noise * torch.eye(n, dtype=torch.float64)
        terms = []
        for place, (name, products, distances) in enumerate(self._parts):
            scaled = distances / lengths[place] ** 2
            kernel = of_distances(name, scaled)
            matrix += scales[place, 0] * products + scales[place, 1] * kernel
            terms.append((products, kernel, slopes(name, scaled, kernel)))
        factor = psd_safe_cholesky(matrix)
        weights = torch.cholesky_solve(self._targets, factor)
        value = -0.5 * (self._targets * weights).sum() - factor.diagonal().log().sum() - 0.5 * n * math.log(2 * math.pi)
        # Of half the trace of this times the slope of the kernel matrix.
        lever = torch.addmm(torch.cholesky_inverse(factor), weights, weights.T, beta=-1) / 2
        by_term = torch.stack([torch.stack([lever.flatten() @ part.flatten() for part in term]) for term in terms])
        found = {
            _NOISE: noise * lever.trace(),
            _SCALES: scales * by_term[:, :2],
            _LENGTHS: scales[:, 1] * by_term[:, 2],
        }
        for name, parameter in self.parameters.items():
            # The density of a log-normal prior, of the hyperparameter itself.
            off = (parameter - self._medians[name]) / PRIOR_WIDTH
            value = value - (0.5 * off**2 + parameter + math.log(PRIOR_WIDTH * math.sqrt(2 * math.pi))).sum()
            found[name] = found[name] - off / PRIOR_WIDTH - 1
        return value, tuple(found[name] for name in self.parameters)
