"""The Gaussian process against GPyTorch's and textbook formulas, and on real accuracies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import gpytorch
import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP
from gpytorch.kernels import LinearKernel, MaternKernel, RBFKernel
from gpytorch.mlls import ExactMarginalLogLikelihood
from scipy.stats import kendalltau, lognorm, multivariate_normal

from bonag.predictors import likelihood
from bonag.predictors.architecture_kernel import (
    LENGTHSCALE,
    OUTPUT_SCALE,
    PRIOR_WIDTH,
    ArchitectureKernel,
    BlockKernel,
)
from bonag.predictors.features import GraphFeatures
from bonag.predictors.gp import FittedProcess, GaussianProcess
from bonag.predictors.likelihood import LEAST_NOISE, NOISE, LogPosterior, make_model
from bonag.scores import TAILS, model_scores, rank_gaussianise
from search_spaces import SearchSpace

every_space = pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", "darts", "nbgraph"])


@pytest.fixture(scope="module")
def problem(
    request: pytest.FixtureRequest,
    draw_codes: Callable[..., np.ndarray],
    flow: Callable[[SearchSpace, np.ndarray], np.ndarray],
) -> Callable[[str, int], tuple[GraphFeatures, np.ndarray, np.ndarray]]:
    """Features and targets of n random architectures of a space."""

    def make(name: str, n: int) -> tuple[GraphFeatures, np.ndarray, np.ndarray]:
        space = request.getfixturevalue(name)
        features, ops = GraphFeatures(space), draw_codes(space, n, 0)
        return features, features(ops), rank_gaussianise(flow(space, ops))

    return make


class SeenAsFeatures(ArchitectureKernel):
    """Of features instead of codes."""

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        return codes


def process_of(features: GraphFeatures, model: SingleTaskGP) -> FittedProcess:
    """That of a model, of features."""
    (X,), y = model.train_inputs, model.train_targets
    kernel = SeenAsFeatures(features, model.covar_module)
    return FittedProcess(kernel, X.numpy(), y.numpy(), model.likelihood.noise.item())


def fit(features: GraphFeatures, X: np.ndarray, y: np.ndarray) -> FittedProcess:
    """The process with the best hyperparameters, of features."""
    model = make_model(features, X, y)
    likelihood.fit(model)
    return process_of(features, model)


def randomised(model: SingleTaskGP, seed: int) -> SingleTaskGP:
    """With hyperparameters at random around the medians of their priors."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.randn(parameter.shape, generator=random, dtype=parameter.dtype)
    return model


def gpytorchs(features: GraphFeatures, kernel: ArchitectureKernel) -> gpytorch.kernels.Kernel:
    """The same kernel, made of GPyTorch's."""
    terms = []
    for (name, columns), scales, length in zip(features.blocks.items(), kernel.scales, kernel.lengths, strict=True):
        linear = LinearKernel(active_dims=columns)
        linear.variance = 1.0
        other = MaternKernel(nu=2.5, active_dims=columns) if name == "slots" else RBFKernel(active_dims=columns)
        other.lengthscale = length
        for part, scale in zip((linear, other), scales, strict=True):
            scaled = gpytorch.kernels.ScaleKernel(part)
            scaled.outputscale = scale
            terms.append(scaled)
    return gpytorch.kernels.AdditiveKernel(*terms).double()


def log_posterior(model: SingleTaskGP) -> float:
    """Marginal likelihood times priors, in logarithms, by SciPy."""
    kernel, noise = model.covar_module, model.likelihood.noise.item()
    with torch.no_grad():
        matrix = kernel(*model.train_inputs).to_dense().numpy()
    total = float(multivariate_normal.logpdf(model.train_targets.numpy(), cov=matrix + noise * np.eye(len(matrix))))
    for values, median in ((kernel.scales, OUTPUT_SCALE), (kernel.lengths, LENGTHSCALE), (torch.tensor(noise), NOISE)):
        total += float(lognorm.logpdf(values.detach().numpy(), PRIOR_WIDTH, scale=median).sum())
    return total


@every_space
def test_the_kernel_is_the_sum_of_gpytorchs_own(problem: Callable, name: str) -> None:
    features, X, y = problem(name, 60)
    for seed in range(3):
        kernel = process_of(features, randomised(make_model(features, X, y), seed)).kernel
        theirs = gpytorchs(features, kernel)
        with torch.no_grad():
            K = theirs(torch.from_numpy(X), torch.from_numpy(X[:9])).to_dense().numpy()
            diagonal = theirs(torch.from_numpy(X), diag=True).numpy()
        np.testing.assert_allclose(kernel.matrix(X, X[:9]), K, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(kernel.variances(X), diagonal, rtol=1e-6)


@every_space
def test_what_is_maximised_and_its_slopes_are_those_of_gpytorch_and_of_the_textbook(
    problem: Callable, name: str
) -> None:
    features, X, y = problem(name, 25)
    for seed in range(3):
        model = randomised(make_model(features, X, y), seed)
        posterior = LogPosterior(model)
        value, slopes = posterior()
        assert value.item() == pytest.approx(log_posterior(model), abs=1e-6)
        mll = ExactMarginalLogLikelihood(model.likelihood, model)
        theirs = mll(model.train()(*model.train_inputs), model.train_targets) * len(y)
        theirs.backward()
        assert value.item() == pytest.approx(theirs.item(), abs=1e-6)
        for own, parameter in zip(slopes, posterior.parameters.values(), strict=True):
            torch.testing.assert_close(own.reshape(parameter.shape), parameter.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.numeric
@every_space
@pytest.mark.parametrize("n", [2, 12, 150])
def test_fitting_raises_the_penalised_marginal_likelihood(problem: Callable, name: str, n: int) -> None:
    model = make_model(*problem(name, n))
    before = log_posterior(model)
    reached = likelihood.fit(model)
    after = log_posterior(model)
    assert reached == pytest.approx(after, rel=1e-6)
    assert after > before + 0.1
    assert model.likelihood.noise.item() >= LEAST_NOISE * (1 - 1e-9)
    # And it is near a maximum: no hyperparameters, moved by 20 %, gain more than a little.
    state = {key: value.clone() for key, value in model.state_dict().items()}
    for parameter in model.parameters():
        for factor in (0.8, 1.25):
            with torch.no_grad():
                parameter += math.log(factor)
                model.likelihood.noise = max(model.likelihood.noise.item(), LEAST_NOISE)
            assert log_posterior(model) < after + 0.02 * math.sqrt(n)
            model.load_state_dict(state)


@every_space
def test_the_kernel_is_positive_semidefinite_and_finite(problem: Callable, name: str) -> None:
    features, X, _ = problem(name, 150)
    kernel = ArchitectureKernel(features, BlockKernel(features))
    K = kernel.matrix(X, X)
    np.testing.assert_allclose(K.diagonal(), kernel.variances(X))
    np.testing.assert_allclose(K, K.T, atol=1e-12)
    assert np.linalg.eigvalsh(K).min() > -1e-9


@every_space
@pytest.mark.parametrize("n", [30, 120])
def test_repeated_architectures_are_no_numerical_trouble(problem: Callable, name: str, n: int) -> None:
    features, X, y = problem(name, n)
    prediction = fit(features, np.concatenate([X, X[:10]]), np.concatenate([y, y[:10]])).predict(X)
    assert np.isfinite(prediction.mean).all()
    assert (prediction.stddev > 0).all()


def test_hyperparameters_start_at_the_medians_of_their_priors_and_stay_where_fitting_fails(problem: Callable) -> None:
    features, X, y = problem("nb201", 12)
    model = make_model(features, X, y)
    model.set_train_data(targets=torch.full((len(y),), torch.nan, dtype=torch.float64), strict=False)
    likelihood.fit(model)
    for values, prior, median in (
        (model.covar_module.scales, model.covar_module.scales_prior, OUTPUT_SCALE),
        (model.covar_module.lengths, model.covar_module.lengths_prior, LENGTHSCALE),
        (model.likelihood.noise, model.likelihood.noise_covar.noise_prior, NOISE),
    ):
        assert prior.icdf(torch.tensor(0.5)).item() == pytest.approx(median)
        np.testing.assert_allclose(values.detach().numpy(), median)


@every_space
def test_leave_one_out_equals_leaving_each_one_out(problem: Callable, name: str) -> None:
    process = fit(*problem(name, 20))
    left = process.leave_one_out()
    for left_out in range(len(left.mean)):
        kept = [i for i in range(len(left.mean)) if i != left_out]
        other = replace(process, inputs=process.inputs[kept], scores=process.scores[kept])
        prediction = other.predict(process.inputs[left_out : left_out + 1])
        spread = math.hypot(prediction.stddev.item(), process.noise)
        assert left.mean[left_out] == pytest.approx(prediction.mean.item(), abs=1e-6)
        assert left.stddev[left_out] == pytest.approx(spread, abs=1e-6)


@pytest.mark.numeric
@every_space
def test_it_interpolates(problem: Callable, name: str) -> None:
    process = fit(*problem(name, 60))
    prediction = process.predict(process.inputs)
    # A bound that holds for every kernel: K - K (K + s I)^-1 K <= s I.
    assert (prediction.stddev**2).max() <= process.noise_variance * (1 + 1e-6)
    residual = np.abs(prediction.mean - process.scores)
    held_out = np.abs(process.leave_one_out().mean - process.scores)
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
    y = rank_gaussianise(accuracies(task, codes[:, :8]))
    process = fit(features, features(codes), y)
    rest = draw_codes(space, 1000, 1)
    truth = accuracies(task, rest[:, :8])
    assert kendalltau(process.predict(features(rest)).mean, truth).statistic > 0.65
    # What it says of its errors is about right: 95 of 100 of a Gaussian lie within two standard deviations.
    left = process.leave_one_out()
    assert np.mean(np.abs(y - left.mean) < 2 * left.stddev) > 0.85


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
        X, y = features(codes), rank_gaussianise(values)
        slots = X.copy()
        slots[:, blank] = 0
        gains.append([kendalltau(fit(features, seen, y).leave_one_out().mean, values).statistic for seen in (X, slots)])
    whole_tau, part_tau = np.mean(gains, axis=0)
    assert whole_tau > part_tau + 0.08


@every_space
def test_predictions_are_gpytorchs_and_shares_add_up(problem: Callable, name: str) -> None:
    features, X, y = problem(name, 60)
    model = make_model(features, X[:40], y[:40])
    likelihood.fit(model)
    theirs, process = model.posterior(torch.from_numpy(X[40:])), process_of(features, model)
    prediction = process.predict(X[40:])
    np.testing.assert_allclose(prediction.mean, theirs.mean[:, 0].detach(), atol=1e-7)
    np.testing.assert_allclose(prediction.stddev, theirs.variance[:, 0].detach().sqrt(), atol=1e-6)
    shares = process.shares(X[40:])
    assert len(shares) == 2 * len(features.blocks)
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("n", [6, 40])
def test_likelihoods_of_several_scores_are_those_of_each_alone(
    n: int, nb201: SearchSpace, draw_codes: Callable[..., np.ndarray], flow: Callable[..., np.ndarray]
) -> None:
    codes, predictor = draw_codes(nb201, n, 1), GaussianProcess(nb201)
    scores = np.stack([model_scores(flow(nb201, codes), tail) for tail in TAILS])
    alone = [likelihood.fit(make_model(predictor.features, predictor.features(codes), row)) for row in scores]
    assert predictor.log_likelihoods(codes, scores) == pytest.approx(alone, abs=0.05)
