"""The Gaussian process against textbook formulas, and on real accuracies."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP
from gpytorch.kernels import ScaleKernel
from linear_operator.utils.warnings import NumericalWarning
from scipy.stats import kendalltau, lognorm, multivariate_normal

from bonag.predictors.features import GraphFeatures
from bonag.predictors.gp import (
    LENGTHSCALE,
    NOISE,
    OUTPUT_SCALE,
    PRIOR_WIDTH,
    ArchitectureKernel,
    DotProductKernel,
    FittedProcess,
    fit_hyperparameters,
    make_gp,
)
from bonag.predictors.posterior import ExactPosterior
from bonag.scores import rank_gaussianise
from loops.protocols import Prediction
from search_spaces import SearchSpace

every_space = pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", "darts", "nbgraph"])


@pytest.fixture(scope="module")
def problem(
    request: pytest.FixtureRequest,
    draw_codes: Callable[..., np.ndarray],
    flow: Callable[[SearchSpace, np.ndarray], np.ndarray],
) -> Callable[[str, int], tuple[GraphFeatures, torch.Tensor, torch.Tensor]]:
    """Features and targets of n random architectures of a space."""

    def make(name: str, n: int) -> tuple[GraphFeatures, torch.Tensor, torch.Tensor]:
        space = request.getfixturevalue(name)
        features, ops = GraphFeatures(space), draw_codes(space, n, 0)
        return features, torch.from_numpy(features(ops)), torch.from_numpy(rank_gaussianise(flow(space, ops)))

    return make


def exact(features: GraphFeatures, model: SingleTaskGP) -> ExactPosterior:
    """The posterior of a fitted process, as predictions are made from it."""
    kernel = ArchitectureKernel(features, model.covar_module)
    X, y = model.train_inputs[0].numpy(), model.train_targets.numpy()
    return ExactPosterior(kernel, X, y, model.likelihood.noise.item())


def leave_one_out(features: GraphFeatures, model: SingleTaskGP) -> Prediction:
    return exact(features, model).leave_one_out()


def noisy_kernel_matrix(model: SingleTaskGP) -> np.ndarray:
    with torch.no_grad():
        K = model.covar_module(model.train_inputs[0]).to_dense()
        return (K + model.likelihood.noise * torch.eye(len(K))).numpy()


def log_posterior(model: SingleTaskGP) -> float:
    """Marginal likelihood times priors, in logarithms, by SciPy."""

    def log_prior(value: torch.Tensor, median: float) -> float:
        return float(lognorm.logpdf(value.item(), PRIOR_WIDTH, scale=median))

    total = float(multivariate_normal.logpdf(model.train_targets.numpy(), cov=noisy_kernel_matrix(model)))
    total += log_prior(model.likelihood.noise, NOISE)
    for term in model.covar_module.kernels:
        assert isinstance(term, ScaleKernel)
        total += log_prior(term.outputscale, OUTPUT_SCALE)
        if term.base_kernel.has_lengthscale:
            total += log_prior(term.base_kernel.lengthscale, LENGTHSCALE)
    return total


@every_space
def test_hyperparameters_start_at_the_medians_of_their_priors(problem: Callable, name: str) -> None:
    model = make_gp(*problem(name, 5))
    assert model.likelihood.noise.item() == pytest.approx(NOISE)
    for term in model.covar_module.kernels:
        assert term.outputscale.item() == pytest.approx(OUTPUT_SCALE)
        assert term.outputscale_prior.icdf(torch.tensor(0.5)).item() == pytest.approx(OUTPUT_SCALE)


@pytest.mark.numeric
@every_space
@pytest.mark.parametrize("n", [2, 12, 150])
def test_fitting_raises_the_penalised_marginal_likelihood(problem: Callable, name: str, n: int) -> None:
    model = make_gp(*problem(name, n))
    before = log_posterior(model)
    fit_hyperparameters(model)
    after = log_posterior(model)
    assert after > before + 0.1
    # And it is near a maximum: no hyperparameter, moved by 20 %, gains more than a little.
    state = {key: value.clone() for key, value in model.state_dict().items()}
    for parameter in [p for p in model.parameters() if p.requires_grad]:
        for factor in (0.8, 1.25):
            with torch.no_grad():
                parameter.copy_(torch.log(torch.expm1(torch.nn.functional.softplus(parameter) * factor)))
            assert log_posterior(model) < after + 0.02 * math.sqrt(n)
            model.load_state_dict(state)


@every_space
def test_the_kernel_is_positive_semidefinite_and_finite(problem: Callable, name: str) -> None:
    features, X, _ = problem(name, 150)
    model = make_gp(features, X, torch.zeros(len(X), dtype=torch.float64))
    with torch.no_grad():
        K = model.covar_module(X).to_dense()
        assert torch.allclose(K.diagonal(), model.covar_module(X, diag=True))
    assert torch.allclose(K, K.T, atol=1e-12)
    assert torch.linalg.eigvalsh(K).min() > -1e-9


@every_space
@pytest.mark.parametrize("n", [30, 120])
def test_repeated_architectures_are_no_numerical_trouble(problem: Callable, name: str, n: int) -> None:
    features, X, y = problem(name, n)
    with warnings.catch_warnings():
        warnings.simplefilter("error", NumericalWarning)
        model = make_gp(features, torch.cat([X, X[:10]]), torch.cat([y, y[:10]]))
        fit_hyperparameters(model)
        posterior = model.posterior(X)
        assert torch.isfinite(posterior.mean).all()
        assert (posterior.variance > 0).all()


def test_a_dot_product_is_linear_in_every_block(problem: Callable) -> None:
    _, X, _ = problem("mbv3", 20)
    kernel = DotProductKernel(active_dims=(0, 3, 5))
    K, few = kernel(X).to_dense(), X[:, [0, 3, 5]]
    torch.testing.assert_close(K, few @ few.T)
    torch.testing.assert_close(kernel(X, X[:4]).to_dense(), K[:, :4])
    torch.testing.assert_close(kernel(X, diag=True), K.diagonal())


@every_space
def test_leave_one_out_equals_leaving_each_one_out(problem: Callable, name: str) -> None:
    features, X, y = problem(name, 20)
    model = make_gp(features, X, y)
    fit_hyperparameters(model)
    left = leave_one_out(features, model)
    mean, spread = left.mean, left.stddev
    for left_out in range(len(y)):
        kept = [i for i in range(len(y)) if i != left_out]
        other = make_gp(features, X[kept], y[kept])
        other.load_state_dict(model.state_dict())
        posterior = other.eval().posterior(X[left_out : left_out + 1], observation_noise=True)
        assert mean[left_out] == pytest.approx(posterior.mean.item(), abs=1e-6)
        assert spread[left_out] == pytest.approx(posterior.variance.item() ** 0.5, abs=1e-6)


@pytest.mark.numeric
@every_space
def test_it_interpolates(problem: Callable, name: str) -> None:
    features, X, y = problem(name, 60)
    model = make_gp(features, X, y)
    fit_hyperparameters(model)
    posterior = model.posterior(X)
    # A bound that holds for every kernel: K - K (K + s I)^-1 K <= s I.
    assert posterior.variance.max() <= model.likelihood.noise * (1 + 1e-6)
    residual = (posterior.mean[:, 0] - y).abs()
    held_out = np.abs(leave_one_out(features, model).mean - y.numpy())
    assert residual.mean() < 0.5 * held_out.mean()


@pytest.mark.numeric
@pytest.mark.parametrize("name", ["nb201", "learned_cells"])
@pytest.mark.parametrize("task", ["cifar10", "cifar100"])
def test_it_ranks_real_cells_that_it_has_not_seen(
    request: pytest.FixtureRequest,
    accuracies: Callable[[str, np.ndarray], np.ndarray],
    draw_codes: Callable[..., np.ndarray],
    name: str,
    task: str,
) -> None:
    space = request.getfixturevalue(name)
    features, codes = GraphFeatures(space), draw_codes(space, 100, 0)
    y = torch.from_numpy(rank_gaussianise(accuracies(task, codes[:, :8])))
    model = make_gp(features, torch.from_numpy(features(codes)), y)
    fit_hyperparameters(model)
    rest = draw_codes(space, 1000, 1)
    truth = accuracies(task, rest[:, :8])
    posterior = model.posterior(torch.from_numpy(features(rest)))
    assert kendalltau(posterior.mean[:, 0].detach().numpy(), truth).statistic > 0.65
    # What it says of its errors is about right: 95 of 100 of a Gaussian lie within two standard deviations.
    left = leave_one_out(features, model)
    mean, spread = left.mean, left.stddev
    assert np.mean(np.abs(y.numpy() - mean) < 2 * spread) > 0.85


@pytest.mark.numeric
def test_real_cells_with_learned_edges_are_ranked_far_better_than_by_their_slots_alone(
    learned_cells: SearchSpace,
    accuracies: Callable[[str, np.ndarray], np.ndarray],
    draw_codes: Callable[..., np.ndarray],
) -> None:
    features = GraphFeatures(learned_cells)
    blank = tuple(column for block in ("totals", "sequences") for column in features.blocks[block])
    gains = []
    for seed in range(3):
        codes = draw_codes(learned_cells, 60, seed)
        values = accuracies("cifar10", codes[:, :8])
        X, y = torch.from_numpy(features(codes)), torch.from_numpy(rank_gaussianise(values))
        slots = X.clone()
        slots[:, blank] = 0
        whole, part = make_gp(features, X, y), make_gp(features, slots, y)
        for model in (whole, part):
            fit_hyperparameters(model)
        gains.append([kendalltau(leave_one_out(features, model).mean, values).statistic for model in (whole, part)])
    whole_tau, part_tau = np.mean(gains, axis=0)
    assert whole_tau > part_tau + 0.08


@every_space
def test_predictions_are_gpytorchs_and_shares_add_up(problem: Callable, name: str) -> None:
    features, X, y = problem(name, 60)
    model = make_gp(features, X[:40], y[:40])
    fit_hyperparameters(model)
    theirs = model.posterior(X[40:])
    kernel = SeenAsFeatures(features, model.covar_module)
    found = FittedProcess(kernel, X[:40].numpy(), y[:40].numpy(), model.likelihood.noise.item())
    prediction = found.predict(X[40:].numpy())
    np.testing.assert_allclose(prediction.mean, theirs.mean[:, 0].detach(), atol=1e-7)
    np.testing.assert_allclose(prediction.stddev, theirs.variance[:, 0].detach().sqrt(), atol=1e-6)
    shares = found.shares(X[40:].numpy())
    assert len(shares) == 2 * len(features.blocks)
    assert sum(shares.values()) == pytest.approx(1)


class SeenAsFeatures(ArchitectureKernel):
    """Of features instead of codes."""

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        return codes
