"""Normal scores depend on the order of the values alone; scores for models also on how far the better half leads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest, norm

from bonag.predictors.targets import model_scores, rank_gaussianise

# With many ties, because accuracies of a small test set have them.
values = arrays(np.float64, st.integers(1, 40), elements=st.integers(-12, 12).map(float))
wide_values = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e300, 1e300))


both = pytest.mark.parametrize("scores_of", [rank_gaussianise, model_scores])


@given(st.one_of(values, wide_values))
@both
def test_larger_stays_larger_and_ties_stay_equal(scores_of: Callable, y: np.ndarray) -> None:
    scores = scores_of(y)
    assert np.array_equal(scores[:, None] > scores, y[:, None] > y)


@given(values)
@both
def test_mean_is_zero_and_standard_deviation_one_unless_all_are_equal(scores_of: Callable, y: np.ndarray) -> None:
    scores = scores_of(y)
    if (y == y[0]).all():
        assert np.array_equal(scores, np.zeros(len(y)))
    else:
        assert scores.mean() == pytest.approx(0, abs=1e-12)
        assert scores.std() == pytest.approx(1)


@given(values)
@pytest.mark.parametrize("transform", [np.exp, np.arctan, lambda y: 3 * y - 7, lambda y: y**3])
def test_increasing_transformations_change_nothing(transform: np.ufunc, y: np.ndarray) -> None:
    assert np.array_equal(rank_gaussianise(transform(y)), rank_gaussianise(y))


@given(values)
@both
def test_the_order_of_evaluation_changes_nothing(scores_of: Callable, y: np.ndarray) -> None:
    order = np.random.default_rng(len(y)).permutation(len(y))
    assert scores_of(y[order]) == pytest.approx(scores_of(y)[order], abs=1e-12)


@given(values)
def test_unit_and_origin_of_a_metric_change_nothing_in_what_models_see(y: np.ndarray) -> None:
    assert model_scores(3 * y - 7) == pytest.approx(model_scores(y), abs=1e-9)


def test_models_see_how_far_the_best_leads_but_not_how_bad_the_worst_is() -> None:
    y = np.arange(1.0, 41.0)
    ahead, hopeless = y.copy(), y.copy()
    ahead[-1], hopeless[0] = 80, -1e6
    leads = np.diff(model_scores(ahead))[-1], np.diff(model_scores(y))[-1]
    assert leads[0] > 2 * leads[1]
    assert model_scores(hopeless) == pytest.approx(model_scores(y), abs=1e-12)


def test_scores_are_normal_quantiles_of_the_ranks() -> None:
    quantiles = norm.ppf([1 / 8, 5 / 8, 3 / 8, 7 / 8])
    assert rank_gaussianise(np.array([3.0, 90.0, 89.0, 94.0])) == pytest.approx(quantiles / quantiles.std())


def test_a_long_lower_tail_becomes_normal() -> None:
    tail = 94 - np.random.default_rng(0).lognormal(0, 2, size=2000)
    assert kstest(rank_gaussianise(tail), norm.cdf).statistic < 0.005


@both
def test_a_single_value_is_zero(scores_of: Callable) -> None:
    assert scores_of(np.array([71.3])).tolist() == [0.0]
