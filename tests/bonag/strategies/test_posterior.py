"""Gaussian process regression and expected improvement, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from bonag.strategies.posterior import ExpectedImprovement, Posterior, _log_improvement
from bonag.strategies.rows import spread_rows


class Distance:
    """exp(-|a - b|) of codes with one site."""

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-np.abs(a[:, None, 0] - b[None, :, 0]).astype(float))

    def diagonal(self, codes: np.ndarray) -> np.ndarray:
        return np.ones(len(codes))


@pytest.fixture
def posterior() -> Posterior:
    return Posterior(Distance(), np.array([[0], [2], [5]]), np.array([0.3, -1.0, 0.8]), noise=0.1)


def test_the_posterior_is_that_of_the_textbook(posterior: Posterior) -> None:
    new, kernel = np.array([[1], [9]]), Distance()
    inverse = np.linalg.inv(kernel(posterior.codes, posterior.codes) + 0.1 * np.eye(3))
    cross = kernel(new, posterior.codes)
    mean, spread = posterior.predict(new)
    assert np.allclose(mean, cross @ inverse @ posterior.targets)
    assert np.allclose(spread**2, 1 - np.diag(cross @ inverse @ cross.T))


def test_imagined_results_change_no_mean_but_the_spread(posterior: Posterior) -> None:
    new = np.array([[1]])
    mean, spread = posterior.predict(new)
    after, less = posterior.imagined(new).predict(new)
    assert after == pytest.approx(mean)
    assert less < spread


@pytest.mark.parametrize("z", [-12.0, -3.0, -1.0, -0.2, 0.0, 1.5, 6.0])
def test_log_improvement_is_the_logarithm_of_the_integral(z: float) -> None:
    expected = quad(lambda x: x * norm.pdf(x - z), 0, max(z, 0) + 12, epsabs=0, epsrel=1e-10)[0]
    assert _log_improvement(np.array([z]))[0] == pytest.approx(np.log(expected), rel=1e-6)


def test_log_improvement_rises_everywhere_even_where_it_is_no_number() -> None:
    values = _log_improvement(np.concatenate([-np.geomspace(1e8, 1e-3, 400), np.geomspace(1e-3, 30, 100)]))
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()


def test_improvement_is_on_the_best_that_is_believed(posterior: Posterior) -> None:
    acquisition = ExpectedImprovement(posterior)
    assert acquisition.incumbent == posterior.predict(posterior.codes)[0].max() < 0.8
    assert acquisition.after(np.empty((0, 1), dtype=int)) is acquisition
    assert acquisition.after(np.array([[7]]))(np.array([[7]])) < acquisition(np.array([[7]]))


def test_rows_are_spread_over_the_ranks() -> None:
    values = np.random.default_rng(0).normal(size=500)
    rows = spread_rows(values, 50)
    assert len(rows) == len(set(rows.tolist())) == 50
    assert (np.diff(rows) > 0).all()
    assert {int(values.argmax()), int(values.argmin())} <= set(rows.tolist())
    assert spread_rows(values[:50], 50).tolist() == list(range(50))
