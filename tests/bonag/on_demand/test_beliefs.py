"""What labels say of all architectures: probabilities, and bounds in scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm

from bonag.evaluators import make_evaluator
from bonag.on_demand.beliefs import LEAST_SPREAD, Beliefs, conditional_bounds, fit_beliefs
from bonag.on_demand.labels import Labels, draw_labels
from bonag.on_demand.wishes import parse_wishes
from bonag.scores import FARTHEST
from search_spaces import get_space

SPACE = get_space("nb201")
EVALUATOR = make_evaluator(SPACE)


@pytest.fixture(scope="module")
def beliefs() -> Beliefs:
    labels = draw_labels(SPACE, EVALUATOR, ["accuracy", "params"], np.random.default_rng(0), 60)
    return fit_beliefs(SPACE, labels, {"accuracy": 1.0, "params": -1.0})


def test_the_log_probability_is_that_of_normal_distributions(beliefs: Beliefs) -> None:
    codes = SPACE.codes(SPACE.sample(20, np.random.default_rng(1)))
    mean, variance = beliefs.posterior(codes)
    bounds = np.array([[0.3, np.inf], [-1.0, 0.5]])
    found = beliefs.log_probability(codes, bounds, np.array([2.0, 0.5]))
    spread = np.sqrt(variance)
    first = norm.logsf(0.3, mean[:, 0], spread[:, 0])
    with np.errstate(divide="ignore"):
        second = np.log(norm.cdf(0.5, mean[:, 1], spread[:, 1]) - norm.cdf(-1.0, mean[:, 1], spread[:, 1]))
    # The difference of distribution functions is no number far out.
    known = np.isfinite(second)
    assert known.sum() > 5
    assert found[known] == pytest.approx((2 * first + 0.5 * second)[known], rel=1e-6, abs=1e-9)
    open_bounds = np.array([[-np.inf, np.inf]] * 2)
    assert (beliefs.log_probability(codes, open_bounds, np.ones(2)) == 0).all()


def test_bounds_are_in_scores_and_never_empty(beliefs: Beliefs) -> None:
    wishes = parse_wishes(["accuracy>=90", "params>=1", "params<=2"], EVALUATOR.metrics)
    accuracy, params = beliefs.bounds(wishes)
    assert accuracy == pytest.approx([float(beliefs.models["accuracy"].scale.to_scores(90.0)), np.inf])
    # Smaller counts have larger scores.
    assert params[0] < params[1]
    low, high = (float(beliefs.models["params"].scale.to_scores(-bound)) for bound in (2.0, 1.0))
    assert params.mean() == pytest.approx((low + high) / 2)


def test_conditions_of_a_generator_are_bounds_in_normal_scores() -> None:
    quantiles = {"accuracy": np.arange(101.0), "params": np.arange(101.0)}
    wishes = parse_wishes(["params<=24.7", "accuracy>=200"], ("accuracy", "params"))
    bounds = conditional_bounds(wishes, quantiles)
    assert bounds == pytest.approx(np.array([[FARTHEST, np.inf], [-np.inf, ndtri(0.247)]]), abs=0.01)
    # Half way to the next of the known values, where one of them is the bound.
    [(_, touched)] = conditional_bounds(parse_wishes(["params<=25"], ("params",)), {"params": quantiles["params"]})
    assert touched == pytest.approx(ndtri(0.255), abs=1e-3)


def test_exact_counts_are_those_of_the_nearest_valid_graphs(beliefs: Beliefs) -> None:
    codes = SPACE.codes(SPACE.sample(6, np.random.default_rng(2)))
    broken = codes.copy()
    broken[:, 0] = 3
    for given in (codes, broken):
        mean, variance = beliefs.posterior(given)
        counts = [SPACE.costs(architecture).params for architecture in SPACE.nearest(given)]
        assert mean[:, 1] == pytest.approx(beliefs.models["params"].scale.to_scores(-np.array(counts, dtype=float)))
        assert (variance[:, 1] == LEAST_SPREAD**2).all()


def test_what_touches_a_bound_probably_meets_it() -> None:
    codes = SPACE.codes(SPACE.sample(200, np.random.default_rng(0)))
    steps = (codes == 3).sum(axis=1) * 1.0 + (codes == 2).sum(axis=1) * 0.5
    labels = Labels(codes, {"latency": steps}, len(codes), "test")
    beliefs = fit_beliefs(SPACE, labels, {"latency": -1.0})
    exactly = labels.codes[labels.values["latency"] == 1.0]
    (bounds,) = beliefs.bounds(parse_wishes(["latency<=1"], ["latency"]))
    assert bounds[0] < float(beliefs.models["latency"].scale.to_scores(-1.0))
    chance = np.exp(beliefs.log_probability(exactly, bounds[None], np.ones(1)))
    assert len(exactly) > 10
    assert np.median(chance) > 0.7
