"""Normal scores: they depend on the order of the values, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest, norm

from bonag.predictors.targets import rank_gaussianise

# With many ties, because accuracies of a small test set have them.
values = arrays(np.float64, st.integers(1, 40), elements=st.integers(-12, 12).map(float))
wide_values = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e300, 1e300))


@given(st.one_of(values, wide_values))
def test_larger_stays_larger_and_ties_stay_equal(y: np.ndarray) -> None:
    scores = rank_gaussianise(y)
    assert np.array_equal(scores[:, None] > scores, y[:, None] > y)


@given(values)
def test_mean_is_zero_and_standard_deviation_one_unless_all_are_equal(y: np.ndarray) -> None:
    scores = rank_gaussianise(y)
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
def test_the_order_of_evaluation_changes_nothing(y: np.ndarray) -> None:
    order = np.random.default_rng(len(y)).permutation(len(y))
    assert rank_gaussianise(y[order]) == pytest.approx(rank_gaussianise(y)[order], abs=1e-12)


def test_scores_are_normal_quantiles_of_the_ranks() -> None:
    quantiles = norm.ppf([1 / 8, 5 / 8, 3 / 8, 7 / 8])
    assert rank_gaussianise(np.array([3.0, 90.0, 89.0, 94.0])) == pytest.approx(quantiles / quantiles.std())


def test_a_long_lower_tail_becomes_normal() -> None:
    tail = 94 - np.random.default_rng(0).lognormal(0, 2, size=2000)
    assert kstest(rank_gaussianise(tail), norm.cdf).statistic < 0.005


def test_a_single_value_is_zero() -> None:
    assert rank_gaussianise(np.array([71.3])).tolist() == [0.0]
