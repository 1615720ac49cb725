"""The Gaussian process against GPyTorch's and textbook formulas, and on real accuracies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import gpytorch
import numpy as np
import pytest
import torch
from gpytorch.kernels import LinearKernel, MaternKernel, RBFKernel
from scipy.optimize import approx_fprime
from scipy.stats import kendalltau, lognorm, multivariate_normal

from bonag.predictors.architecture_kernel import ArchitectureKernel
from bonag.predictors.features import GraphFeatures
from bonag.predictors.gp import FittedProcess
from bonag.predictors.likelihood import (
    LEAST_NOISE,
    LENGTHSCALE,
    NOISE,
    OUTPUT_SCALE,
    PRIOR_WIDTH,
    Hyperparameters,
    LogPosterior,
)
from bonag.scores import rank_gaussianise
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


def fit(features: GraphFeatures, X: np.ndarray, y: np.ndarray) -> FittedProcess:
    """The process with the best hyperparameters, of features."""
    found, _ = LogPosterior(features, X, y).maximise(Hyperparameters.medians(features))
    kernel = SeenAsFeatures(features, found.kernel.scales, found.kernel.lengths)
    return FittedProcess(kernel, X, y, found.noise_variance)


def random_hyperparameters(features: GraphFeatures, seed: int) -> Hyperparameters:
    medians = Hyperparameters.medians(features).logarithms()
    return Hyperparameters.of_logarithms(features, medians + np.random.default_rng(seed).normal(size=len(medians)))


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


def log_posterior(features: GraphFeatures, X: np.ndarray, y: np.ndarray, at: np.ndarray) -> float:
    """Marginal likelihood times priors, in logarithms, by SciPy."""
    found = Hyperparameters.of_logarithms(features, at)
    matrix = found.kernel.matrix(X, X) + found.noise_variance * np.eye(len(X))
    total = float(multivariate_normal.logpdf(y, cov=matrix))
    values = np.exp(at)
    medians = [OUTPUT_SCALE] * found.kernel.scales.size + [LENGTHSCALE] * len(found.kernel.lengths) + [NOISE]
    return total + float(lognorm.logpdf(values, PRIOR_WIDTH, scale=medians).sum())


@every_space
def test_the_kernel_is_gpytorchs(problem: Callable, name: str) -> None:
    features, X, _ = problem(name, 60)
    for seed in range(3):
        kernel = random_hyperparameters(features, seed).kernel
        theirs = gpytorchs(features, kernel)
        with torch.no_grad():
            K = theirs(torch.from_numpy(X), torch.from_numpy(X[:9])).to_dense().numpy()
            diagonal = theirs(torch.from_numpy(X), diag=True).numpy()
        np.testing.assert_allclose(kernel.matrix(X, X[:9]), K, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(kernel.variances(X), diagonal, rtol=1e-6)


@every_space
def test_the_likelihood_is_that_of_the_textbook_and_so_is_its_slope(problem: Callable, name: str) -> None:
    features, X, y = problem(name, 25)
    posterior, medians = LogPosterior(features, X, y), Hyperparameters.medians(features).logarithms()
    constant = posterior(medians)[0] - log_posterior(features, X, y, medians)
    for seed in range(3):
        at = random_hyperparameters(features, seed).logarithms()
        value, slope = posterior(at)
        assert value - log_posterior(features, X, y, at) == pytest.approx(constant, abs=1e-6)
        np.testing.assert_allclose(slope, approx_fprime(at, lambda x: posterior(x)[0], 1e-6), rtol=1e-3, atol=1e-3)


@pytest.mark.numeric
@every_space
@pytest.mark.parametrize("n", [2, 12, 150])
def test_fitting_raises_the_penalised_marginal_likelihood(problem: Callable, name: str, n: int) -> None:
    features, X, y = problem(name, n)
    posterior, start = LogPosterior(features, X, y), Hyperparameters.medians(features)
    found, after = posterior.maximise(start)
    best = found.logarithms()
    assert posterior(best)[0] == pytest.approx(after)
    assert after > posterior(start.logarithms())[0] + 0.1
    # And it is near a maximum: no hyperparameter, moved by 20 %, gains more than a little.
    for place in range(len(best)):
        for factor in (0.8, 1.25):
            moved = best.copy()
            moved[place] += math.log(factor)
            moved[-1] = max(moved[-1], math.log(LEAST_NOISE))
            assert posterior(moved)[0] < after + 0.02 * math.sqrt(n)


@every_space
def test_the_kernel_is_positive_semidefinite_and_finite(problem: Callable, name: str) -> None:
    features, X, _ = problem(name, 150)
    kernel = Hyperparameters.medians(features).kernel
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


def test_where_fitting_fails_the_start_stays(problem: Callable) -> None:
    features, X, y = problem("nb201", 12)
    start = Hyperparameters.medians(features)
    broken = LogPosterior(features, X, np.full(len(y), np.nan))
    found, _ = broken.maximise(start)
    np.testing.assert_allclose(found.logarithms(), start.logarithms())


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
def test_shares_add_up(problem: Callable, name: str) -> None:
    features, X, y = problem(name, 60)
    shares = fit(features, X[:40], y[:40]).shares(X[40:])
    assert len(shares) == 2 * len(features.blocks)
    assert sum(shares.values()) == pytest.approx(1)
