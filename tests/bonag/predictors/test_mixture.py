"""The mixture of Gaussian process and ensemble: its moments and its weight."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonag.predictors.ensemble import GraphEnsemble, fit_ensemble
from bonag.predictors.gp import FittedProcess, GaussianProcess
from bonag.predictors.mixture import FittedMixture, stacking_weight
from bonag.scores import rank_gaussianise
from search_spaces import SearchSpace

ROWS = 30


@pytest.fixture(scope="module")
def parts(nb201: SearchSpace, draw_codes: Callable, flow: Callable) -> tuple[FittedProcess, GraphEnsemble, np.ndarray]:
    """A Gaussian process, an ensemble, and architectures that neither has seen."""
    ops = draw_codes(nb201, ROWS + 50, 0)
    seen, unseen = ops[:ROWS], ops[ROWS:]
    y = rank_gaussianise(flow(nb201, seen))
    return GaussianProcess(nb201).fit(seen, y), fit_ensemble(nb201, seen, y, seed=0), unseen


def test_without_weight_the_ensemble_is_not_asked(parts: tuple) -> None:
    process, ensemble, ops = parts
    found, alone = FittedMixture(process, ensemble, 0.0, {}).predict(ops), process.predict(ops)
    assert np.array_equal(found.mean, alone.mean)
    assert np.array_equal(found.stddev, alone.stddev)


def test_with_all_weight_on_it_the_ensemble_is_all(parts: tuple) -> None:
    process, ensemble, ops = parts
    found, expected = FittedMixture(process, ensemble, 1.0, {}, line=(-2.0, 0.3)).predict(ops), ensemble.predict(ops)
    np.testing.assert_allclose(found.mean, 0.3 - 2 * expected.mean, atol=1e-9)
    np.testing.assert_allclose(found.stddev, 2 * expected.stddev, atol=1e-6)


@pytest.mark.parametrize("weight", [0.25, 0.6])
def test_moments_are_those_of_samples_of_the_mixture(parts: tuple, weight: float) -> None:
    process, ensemble, ops = parts
    factor, offset = 0.7, 1.5
    found = FittedMixture(process, ensemble, weight, {}, (factor, offset)).predict(ops)
    first, second = process.predict(ops), ensemble.predict(ops)
    rng, draws = np.random.default_rng(0), 40_000
    from_first = rng.normal(first.mean, first.stddev, size=(draws, len(ops)))
    from_second = offset + factor * rng.normal(second.mean, second.stddev, size=(draws, len(ops)))
    samples = np.where(rng.random(from_first.shape) < weight, from_second, from_first)
    # Five standard errors of the sample mean; as a sample's variance has a larger one, more for the spread.
    assert np.abs(samples.mean(axis=0) - found.mean).max() < 5 * found.stddev.max() / draws**0.5
    np.testing.assert_allclose(samples.std(axis=0), found.stddev, rtol=0.04)


@given(st.integers(0, 10_000), st.floats(-1, 1), st.floats(0, 2), st.integers(1, 80))
@settings(deadline=None)
def test_the_stacking_weight_has_the_least_held_out_error(seed: int, bias: float, error: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    first, second = y + rng.normal(scale=0.5, size=n), y + bias + rng.normal(scale=error, size=n)
    weight = stacking_weight(y, first, second)
    grid = np.linspace(0, 1, 201)[:, None]
    errors = ((y - (1 - grid) * first - grid * second) ** 2).mean(axis=1)
    assert 0 <= weight <= 1
    assert np.mean((y - (1 - weight) * first - weight * second) ** 2) <= errors.min() + 1e-12
    # The same from the other side.
    assert stacking_weight(y, second, first) == pytest.approx(1 - weight, abs=1e-6)


@pytest.mark.parametrize("n", [10, 200])
def test_the_weight_goes_to_the_better_predictor(n: int) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=n)
    good, bad = y + rng.normal(scale=0.1, size=n), rng.normal(size=n)
    assert stacking_weight(y, bad, good) > 0.9
    assert stacking_weight(y, good, bad) < 0.1


def test_two_predictors_that_agree_are_not_asked_twice() -> None:
    y = np.array([-1.0, 0.0, 1.0])
    assert stacking_weight(y, y / 2, y / 2) == 0
