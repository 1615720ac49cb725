"""The multi-task kernel: one Gaussian process of sources and target, whose covariance between tasks is learned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from botorch.exceptions import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import MultiTaskGP
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import Kernel, ScaleKernel
from gpytorch.likelihoods import HadamardGaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import LogNormalPrior
from models import Belief, Cold
from scipy.linalg import solve_triangular
from table import TableKernel
from torch import Tensor

from bonag.acquisition.metric_models import GROWTH
from bonag.predictors.architecture_kernel import OUTPUT_SCALE, PRIOR_WIDTH, ArchitectureKernel, BlockKernel
from bonag.predictors.features import GraphFeatures
from bonag.predictors.likelihood import NOISE
from bonag.predictors.schedule import prefix
from loops.protocols import Prediction

# The correlation between tasks from which the fit begins: the mean of BoTorch's prior over it, Beta(2.5, 1.5).
CORRELATION = 0.625
# Sites that differ until a correlation has fallen by a factor e, a priori.
LENGTH = 4.0
TARGET = 0
MAX_FIT_STEPS = 30


class MultiTask(Cold):
    """Intrinsic coregionalisation (Bonilla et al., 2007; Swersky et al., 2013): BoTorch's MultiTaskGP with its prior.

    The kernel is the search's own, with its priors; so has the noise, one for each task. Means are a constant for each
    task. Its hyperparameters are fitted anew as often as those of the search's own process.
    """

    def believe(self, rows: np.ndarray, values: np.ndarray) -> Belief | None:
        scores = np.zeros(0)
        if len(rows):
            learned = self.learn(rows, values)
            scores = self.ratio(learned) * learned.scores
        model = self._make(rows, scores)
        if not self._states or len(rows) == 0 or prefix(len(rows), GROWTH) == len(rows):
            self._states.clear()
            maximise_likelihood(model)
            self._states.update({name: value.clone() for name, value in model.state_dict().items()})
        else:
            model.load_state_dict(self._states)
        return Belief(self._predict(model, rows), float(scores.max(initial=0)))

    def kernel(self) -> Kernel:
        """Of inputs, its hyperparameters at the medians of their priors."""
        return BlockKernel(cast(GraphFeatures, self.table.predictor.products))

    def against_all(self, kernel: Kernel, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of a fitted ``kernel``, that of (n,) rows with all architectures, (n, N), and its diagonal, (N,)."""
        products = self.table.predictor.products
        own = ArchitectureKernel(cast(GraphFeatures, products), cast(BlockKernel, kernel))
        of_rows, every = TableKernel(products, own), np.arange(len(self.table.codes))[:, None]
        return of_rows.matrix(rows[:, None], every), of_rows.variances(every)

    @torch.no_grad()
    def _predict(self, model: MultiTaskGP, rows: np.ndarray) -> Prediction:
        """Mean and deviation of the target, each architecture on its own."""
        (seen,) = cast(tuple[Tensor], model.train_inputs)
        tasks, prior, (kernel, between) = seen[:, -1].long(), model.forward(seen), model.covar_module.kernels
        noise = torch.as_tensor(model.likelihood.noise)[tasks]
        factor = torch.linalg.cholesky(prior.covariance_matrix + torch.diag(noise)).numpy()
        covariances = between.covar_matrix.numpy()[TARGET]
        cross, variances = self.against_all(kernel, np.concatenate([rows, *(at for at, _ in self.sources)]))
        left = (model.train_targets - prior.mean).numpy()
        solved = solve_triangular(factor, covariances[tasks.numpy()][:, None] * cross, lower=True)
        mean = (
            model.mean_module(self._inputs[:1])[0, TARGET].item() + solve_triangular(factor, left, lower=True) @ solved
        )
        variance = covariances[TARGET] * variances - (solved**2).sum(axis=0)
        return Prediction(mean, np.sqrt(np.maximum(variance, 1e-12)))

    @cached_property
    def _inputs(self) -> Tensor:
        """What the kernel sees of all architectures: (N, D)."""
        return torch.from_numpy(self.table.predictor.features(self.table.codes))

    @cached_property
    def _states(self) -> dict[str, Tensor]:
        """Of the last fit: trials are only ever added."""
        return {}

    def _make(self, rows: np.ndarray, scores: np.ndarray) -> MultiTaskGP:
        parts = [(rows, scores), *((at, one.scores) for (at, _), one in zip(self.sources, self.summaries, strict=True))]
        inputs = torch.cat([_of_task(self._inputs[at], task) for task, (at, _) in enumerate(parts)])
        targets = torch.from_numpy(np.concatenate([values for _, values in parts]))
        tasks, column = len(parts), self._inputs.shape[1]
        likelihood = HadamardGaussianLikelihood(
            num_tasks=tasks, noise_prior=LogNormalPrior(math.log(NOISE), PRIOR_WIDTH),
            noise_constraint=GreaterThan(1e-4), task_feature_index=column,
        )  # fmt: skip
        model = MultiTaskGP(
            inputs, targets[:, None], task_feature=column, covar_module=self.kernel(), likelihood=likelihood,
            all_tasks=list(range(tasks)), output_tasks=[TARGET], outcome_transform=None,
        )  # fmt: skip
        likelihood.noise = torch.full((tasks,), NOISE)
        correlations = torch.full((tasks, tasks), CORRELATION) + (1 - CORRELATION) * torch.eye(tasks)
        between = model.covar_module.kernels[1]
        between.covar_factor = torch.linalg.cholesky(0.95 * correlations).clamp_min(1e-3).to(inputs)
        between.initialize(raw_var=between.raw_var_constraint.inverse_transform(torch.full((tasks,), 0.05).to(inputs)))
        return model.to(inputs)


def maximise_likelihood(model: MultiTaskGP) -> None:
    """Maximise the marginal likelihood times the priors (L-BFGS), in place; where that fails, the medians stay."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    try:
        fit_gpytorch_mll(mll, optimizer_kwargs={"options": {"maxiter": MAX_FIT_STEPS}}, max_attempts=1)
    except ModelFittingError:
        model.load_state_dict(state)


class SiteSimilarity(Kernel):
    """exp(-sites that differ / length), of one-hots: the kernel of ``bonag.transfer.summary``. sites: how many."""

    has_lengthscale = True

    def __init__(self, sites: int) -> None:
        super().__init__(lengthscale_prior=LogNormalPrior(math.log(LENGTH), PRIOR_WIDTH))
        self.sites, self.lengthscale = sites, LENGTH

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """(n, D) and (m, D) -> (n, m), or (n,) if only the diagonal is asked for."""
        same = (x1 * x2).sum(dim=-1) if diag else x1 @ x2.mT
        return torch.exp((same - self.sites) / torch.as_tensor(self.lengthscale).squeeze())


@dataclass(frozen=True, eq=False)
class PlainMultiTask(MultiTask):
    """The same with the kernel by which sources are summarised, for sources and target."""

    def kernel(self) -> Kernel:
        scale = ScaleKernel(
            SiteSimilarity(self.table.codes.shape[1]),
            outputscale_prior=LogNormalPrior(math.log(2 * OUTPUT_SCALE), PRIOR_WIDTH),
        )
        scale.outputscale = 2 * OUTPUT_SCALE
        return scale

    @torch.no_grad()
    def against_all(self, kernel: Kernel, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return kernel(self._inputs[rows], self._inputs).to_dense().numpy(), kernel(self._inputs, diag=True).numpy()

    @cached_property
    def _inputs(self) -> Tensor:
        """One-hots: (N, S * classes)."""
        codes = torch.from_numpy(self.table.codes.astype(np.int64))
        return torch.nn.functional.one_hot(codes).flatten(1).double()


def _of_task(inputs: Tensor, task: int) -> Tensor:
    """(n, D) -> (n, D + 1)."""
    return torch.cat([inputs, torch.full((len(inputs), 1), float(task), dtype=inputs.dtype)], dim=1)
