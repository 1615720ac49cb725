"""Every acquisition function against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.models.deterministic import GenericDeterministicModel
from scipy.integrate import quad
from scipy.stats import kstest, norm

from bonag.acquisition.functions import UCB_BETA
from bonag.acquisition.surrogate import uniform_numbers
from bonag.roles import ACQUISITIONS
from loops.protocols import Prediction
from search_spaces.errors import UserError

INCUMBENTS = (-1.0, 0.8, 2.5)


def acquire(name: str, prediction: Prediction, best: float, **drawn: np.ndarray) -> np.ndarray:
    return ACQUISITIONS.make(name)(prediction, best, **drawn)


@pytest.mark.parametrize("incumbent", INCUMBENTS)
def test_log_ei_is_the_logarithm_of_expected_improvement(fitted: Any, incumbent: float) -> None:
    values = acquire("log-ei", fitted.prediction, incumbent)
    for value, mean, sd in zip(values[:40], fitted.mean, fitted.spread, strict=False):
        above = norm(mean - incumbent, sd)
        integral, _ = quad(lambda gain, above=above: gain * above.pdf(gain), 0, max(0, mean - incumbent) + 12 * sd)
        assert np.exp(value) == pytest.approx(integral, rel=1e-4)


def test_log_ei_is_what_sampling_gives(fitted: Any) -> None:
    draws = np.random.default_rng(0).normal(fitted.mean, fitted.spread, size=(20_000, len(fitted.mean)))
    improvement = np.maximum(draws - 0.5, 0)
    values = np.exp(acquire("log-ei", fitted.prediction, 0.5))
    error = 5 * improvement.std(axis=0) / len(draws) ** 0.5 + 1e-3
    assert (np.abs(values - improvement.mean(axis=0)) < error).all()


def test_log_ei_is_botorchs_however_hopeless() -> None:
    distances = np.concatenate([np.linspace(-60, 10, 500), -np.geomspace(60, 1e7, 100)])
    mean, stddev = torch.from_numpy(0.3 * distances), torch.full((len(distances),), 0.3, dtype=torch.float64)
    model = GenericDeterministicModel(lambda X: X)
    theirs = LogExpectedImprovement(model, best_f=torch.zeros(1, dtype=torch.float64))
    theirs._mean_and_sigma = lambda X: (mean, stddev)  # type: ignore[method-assign]
    found = acquire("log-ei", Prediction(mean.numpy(), stddev.numpy()), 0.0)
    np.testing.assert_allclose(found, theirs(mean[:, None, None]).numpy(), rtol=1e-10)


def test_log_ei_still_ranks_where_expected_improvement_is_zero_to_machine_precision(fitted: Any) -> None:
    hopeless = fitted.mean.max() + 100 * fitted.spread.max()
    values = acquire("log-ei", fitted.prediction, float(hopeless))
    assert np.isfinite(values).all()
    assert (values < np.log(np.finfo(float).tiny)).all()
    distance = (hopeless - fitted.mean) / fitted.spread
    assert np.array_equal(np.argsort(-values), np.argsort(distance))


@pytest.mark.parametrize("incumbent", INCUMBENTS)
def test_pi_is_the_logarithm_of_the_probability_of_improvement(fitted: Any, incumbent: float) -> None:
    values = acquire("pi", fitted.prediction, incumbent)
    np.testing.assert_allclose(values, norm.logsf(incumbent, fitted.mean, fitted.spread), rtol=1e-5)


def test_ucb_is_a_quantile(fitted: Any) -> None:
    values = acquire("ucb", fitted.prediction, 0.0)
    np.testing.assert_allclose(values, fitted.mean + UCB_BETA**0.5 * fitted.spread, rtol=1e-6)


def thompson(fitted: Any, seed: int, rows: slice | list[int] = slice(None)) -> np.ndarray:
    some = Prediction(fitted.mean[rows], fitted.spread[rows])
    return acquire("thompson", some, 0.0, uniform=uniform_numbers(fitted.unseen[rows], seed))


def test_a_thompson_draw_is_a_function_of_architecture_and_seed(fitted: Any) -> None:
    draws = thompson(fitted, seed=3)
    assert np.array_equal(draws, thompson(fitted, seed=3))
    np.testing.assert_allclose(thompson(fitted, 3, [17, 4]), draws[[17, 4]], rtol=1e-9)
    assert not np.isclose(draws, thompson(fitted, seed=4)).any()


def test_thompson_draws_have_the_posteriors_moments(fitted: Any) -> None:
    standard = np.array([(thompson(fitted, seed) - fitted.mean) / fitted.spread for seed in range(300)])
    # Among architectures with one seed, and among seeds for one architecture.
    assert kstest(standard.ravel(), norm.cdf).statistic < 0.01
    assert np.abs(standard.mean(axis=0)).max() < 4.5 / 300**0.5
    assert np.abs(standard.mean(axis=1)).max() < 4.5 / len(fitted.mean) ** 0.5
    assert 0.8 < standard.std(axis=0).min() < standard.std(axis=0).max() < 1.2


def test_thompson_draws_of_two_architectures_are_independent(fitted: Any) -> None:
    rng = np.random.default_rng(0)
    seeds = [int(seed) for seed in rng.integers(2**32, size=400)]
    standard = np.array([(thompson(fitted, seed) - fitted.mean) / fitted.spread for seed in seeds])
    correlation = np.corrcoef(standard, rowvar=False)[np.triu_indices(len(fitted.mean), k=1)]
    # 14,365 pairs: the largest of as many independent ones is near 4 standard deviations.
    assert np.abs(correlation).max() < 6 / len(seeds) ** 0.5
    assert correlation.std() == pytest.approx(1 / len(seeds) ** 0.5, rel=0.1)


@pytest.mark.parametrize("name", ["log-ei", "ucb", "pi"])
def test_every_name_gives_one_finite_value_per_architecture(fitted: Any, name: str) -> None:
    values = acquire(name, fitted.prediction, 0.0)
    assert values.shape == (len(fitted.unseen),)
    assert np.isfinite(values).all()
    assert len(np.unique(values)) > len(values) / 2


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UserError, match="unknown acquisition 'entropy'"):
        ACQUISITIONS.make("entropy")


@pytest.mark.parametrize("z", [-12.0, -3.0, -1.0, -0.2, 0.0, 1.5, 6.0])
def test_log_improvement_is_the_logarithm_of_the_integral(z: float) -> None:
    expected = quad(lambda x: x * norm.pdf(x - z), 0, max(z, 0) + 12, epsabs=0, epsrel=1e-10)[0]
    assert acquire("log-ei", Prediction(np.array([z]), np.ones(1)), 0.0)[0] == pytest.approx(np.log(expected), rel=1e-6)


def test_log_improvement_rises_everywhere_even_where_it_is_no_number() -> None:
    z = np.concatenate([-np.geomspace(1e8, 1e-3, 400), np.geomspace(1e-3, 30, 100)])
    values = acquire("log-ei", Prediction(z, np.ones(len(z))), 0.0)
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()
