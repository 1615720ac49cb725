"""Normal scores depend on the order of the values alone; scores for models are linear, but for a bent lower tail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest, norm

from bonag.scores import TAILS, ScoreMap, log_slopes, model_scores, rank_gaussianise

# With many ties, because accuracies of a small test set have them.
values = arrays(np.float64, st.integers(1, 40), elements=st.integers(-12, 12).map(float))
wide_values = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e300, 1e300))


every_tail = pytest.mark.parametrize("tail", TAILS)
both = pytest.mark.parametrize(
    "scores_of",
    [rank_gaussianise, *(partial(model_scores, tail=tail) for tail in TAILS)],
    ids=["ranks", *map(str, TAILS)],
)


@given(values)
@both
def test_larger_stays_larger_and_ties_stay_equal(scores_of: Callable, y: np.ndarray) -> None:
    scores = scores_of(y)
    assert np.array_equal(scores[:, None] > scores, y[:, None] > y)


@pytest.mark.slow
@given(wide_values)
@both
def test_the_widest_values_stay_finite_and_in_order(scores_of: Callable, y: np.ndarray) -> None:
    scores = scores_of(y)
    assert np.isfinite(scores).all()
    assert (np.diff(scores[np.argsort(y, kind="stable")]) >= 0).all()


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


@pytest.mark.slow
@given(values)
@every_tail
def test_unit_and_origin_of_a_metric_change_nothing_in_what_models_see(tail: float, y: np.ndarray) -> None:
    assert model_scores(3 * y - 7, tail) == pytest.approx(model_scores(y, tail), abs=1e-9)


@every_tail
def test_the_better_half_is_seen_in_its_own_proportions(tail: float) -> None:
    y = np.sort(np.random.default_rng(0).normal(size=41))
    steps, lead = np.diff(y)[20:], np.diff(model_scores(y, tail))[20:]
    assert lead / lead.mean() == pytest.approx(steps / steps.mean())


def test_the_shorter_the_tail_the_less_hopeless_trials_squeeze_the_others() -> None:
    y = np.arange(41.0)
    y[:4] = -1e6
    ranges = [np.ptp(model_scores(y, tail)[20:]) for tail in TAILS]
    assert ranges == sorted(ranges, reverse=True)
    # In proportion, the better half would have a range of 6e-5.
    assert min(ranges) > 0.05


@every_tail
def test_log_slopes_are_those_of_the_scores(tail: float) -> None:
    y = np.random.default_rng(1).gamma(2, size=30)
    step = 1e-7
    both = np.concatenate([y, y + step])
    slopes = np.diff(model_scores(both, tail).reshape(2, -1), axis=0) / step
    above = both - np.median(both)
    unit = np.sqrt((above[above > 0] ** 2).mean())
    # The unit, which all tails share, is left out.
    assert log_slopes(both, tail) == pytest.approx(2 * np.log(slopes * unit).sum(), abs=1e-4)


def test_scores_are_normal_quantiles_of_the_ranks() -> None:
    quantiles = norm.ppf([1 / 8, 5 / 8, 3 / 8, 7 / 8])
    assert rank_gaussianise(np.array([3.0, 90.0, 89.0, 94.0])) == pytest.approx(quantiles / quantiles.std())


def test_a_long_lower_tail_becomes_normal() -> None:
    tail = 94 - np.random.default_rng(0).lognormal(0, 2, size=2000)
    assert kstest(rank_gaussianise(tail), norm.cdf).statistic < 0.005


@both
def test_a_single_value_is_zero(scores_of: Callable) -> None:
    assert scores_of(np.array([71.3])).tolist() == [0.0]


@every_tail
def test_equal_values_have_no_slope(tail: float) -> None:
    assert log_slopes(np.full(5, 71.3), tail) == 0.0


# The map and its inverse


@given(values)
@every_tail
def test_trials_have_just_the_scores_that_models_are_fitted_on(tail: float, y: np.ndarray) -> None:
    assert np.array_equal(ScoreMap.of_trials(y, tail).to_scores(y), model_scores(y, tail))


@given(values, st.booleans())
@every_tail
def test_scores_go_back_to_the_values_also_beyond_what_was_seen(tail: float, y: np.ndarray, quantiles: bool) -> None:
    scale = ScoreMap.of_quantiles(np.sort(y)) if quantiles else ScoreMap.of_trials(y, tail)
    width = np.ptp(y) + 1
    new = np.linspace(y.min() - width, y.max() + width, 50)
    scores = scale.to_scores(new)
    assert (np.diff(scores) > 0).all()
    assert scale.to_values(scores) == pytest.approx(new, abs=1e-9)
    assert np.array_equal(scale.to_scores(np.array([-np.inf, np.inf])), [-np.inf, np.inf])
    assert np.array_equal(scale.to_values(np.array([-np.inf, np.inf])), [-np.inf, np.inf])


def test_below_the_worst_the_mean_slope_goes_on_and_above_the_best_that_of_the_upper_half() -> None:
    y = np.array([-100.0, 0.0, 1.0, 2.0, 3.0])
    scale = ScoreMap.of_trials(y, 1.0)
    scores = model_scores(y, 1.0)
    mean, upper = np.ptp(y) / np.ptp(scores), (y[4] - y[2]) / (scores[4] - scores[2])
    assert scale.to_values(scores[0] - 2) == pytest.approx(y[0] - 2 * mean)
    assert scale.to_values(scores[4] + 2) == pytest.approx(y[4] + 2 * upper)


def test_quantiles_of_a_sample_have_the_normal_scores_of_their_levels() -> None:
    sample = np.random.default_rng(0).gamma(2, size=5000)
    scale = ScoreMap.of_quantiles(np.quantile(sample, np.linspace(0, 1, 257)))
    for level in (0.1, 0.5, 0.9):
        assert scale.to_scores(np.quantile(sample, level)) == pytest.approx(norm.ppf(level), abs=0.01)
    # Tied quantiles are one point, in their middle.
    tied = ScoreMap.of_quantiles(np.array([0.0, 1.0, 1.0, 1.0, 2.0]))
    assert tied.to_scores(1.0) == 0
