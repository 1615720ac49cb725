"""Fitting is a pure function of the evaluated architectures, and imagining results is what it says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from bonag.acquisition.metric_models import MAX_FIT_ROWS, LearnedMetric, MetricFitter
from bonag.predictors.architecture_kernel import ArchitectureKernel, BlockKernel
from bonag.predictors.ensemble import MEMBERS
from bonag.predictors.features import GraphFeatures
from bonag.predictors.mixture import MIN_ENSEMBLE_ROWS, FittedMixture
from bonag.predictors.posterior import ExactPosterior
from bonag.scores import TAILS, model_scores
from loops.protocols import Prediction
from search_spaces import SearchSpace

every_predictor = pytest.mark.parametrize(
    "predictor", ["gp", "ensemble", pytest.param("mixture", marks=pytest.mark.slow)]
)


def fitter_of(space: SearchSpace, predictor: str = "gp") -> MetricFitter:
    return MetricFitter(space, "flow", 1.0, predictor)


def learn(space: SearchSpace, codes: np.ndarray, values: np.ndarray, predictor: str = "gp") -> LearnedMetric:
    return fitter_of(space, predictor).learn(codes, values)


_LEARNED: dict[tuple[object, ...], LearnedMetric] = {}


def learn_once(space: SearchSpace, codes: np.ndarray, values: np.ndarray, predictor: str = "gp") -> LearnedMetric:
    """As ``learn``, which is a pure function: whoever asks for the same again shares the model."""
    key = (space.name, codes.tobytes(), values.tobytes(), predictor)
    if key not in _LEARNED:
        _LEARNED[key] = learn(space, codes, values, predictor)
    return _LEARNED[key]


def same(one: Prediction, other: Prediction) -> bool:
    return np.array_equal(one.mean, other.mean) and np.array_equal(one.stddev, other.stddev)


@pytest.fixture(scope="module")
def data(nb201: SearchSpace, draw_codes: Callable, flow: Callable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Operations, their values, and operations that nobody has evaluated."""
    ops = draw_codes(nb201, 260, 0)
    return ops[:60], flow(nb201, ops[:60]), ops[60:]


@pytest.mark.parametrize("predictor", ["gp", pytest.param("mixture", marks=pytest.mark.slow)])
def test_a_fitter_that_was_used_before_answers_bit_for_bit_as_a_fresh_one(
    nb201: SearchSpace, data: tuple, predictor: str
) -> None:
    ops, values, unseen = data
    used = fitter_of(nb201, predictor)
    used.learn(ops[:10], values[:10])
    # Another run's history of the same length, with the same architectures.
    used.learn(ops[:46], -values[:46])
    after_use, fresh = used.learn(ops[:46], values[:46]), learn(nb201, ops[:46], values[:46], predictor)
    assert same(after_use.predict(unseen), fresh.predict(unseen))
    # And once more from memory.
    assert same(used.learn(ops[:46], values[:46]).predict(unseen), fresh.predict(unseen))


@pytest.mark.slow
def test_it_asks_no_global_randomness(nb201: SearchSpace, data: tuple) -> None:
    ops, values, unseen = data
    predictions = []
    for seed in range(2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
        predictions.append(learn(nb201, ops[:30], values[:30], "mixture").predict(unseen))
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.array_equal(np.random.get_state()[1], before[1])  # type: ignore[index]  # noqa: NPY002
    assert same(*predictions)


@pytest.mark.numeric
@every_predictor
@pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", pytest.param("darts", marks=pytest.mark.slow)])
def test_predictions_rank_what_was_not_seen(
    request: pytest.FixtureRequest, draw_codes: Callable, flow: Callable, name: str, predictor: str
) -> None:
    space = request.getfixturevalue(name)
    ops = draw_codes(space, 260, 0)
    values = flow(space, ops)
    prediction = learn_once(space, ops[:60], values[:60], predictor).predict(ops[60:])
    assert kendalltau(prediction.mean, values[60:]).statistic > 0.5
    assert (prediction.stddev > 0).all()


def test_before_there_is_enough_for_an_ensemble_the_gaussian_process_stands_in(nb201: SearchSpace, data: tuple) -> None:
    ops, values, unseen = data
    # Where the Gaussian process alone is fitted anew, too.
    n = 8
    assert n < 2 * MEMBERS
    alone = learn(nb201, ops[:n], values[:n])
    for predictor in ("ensemble", "mixture"):
        model = learn(nb201, ops[:n], values[:n], predictor)
        assert isinstance(model.model, ExactPosterior)
        assert same(model.predict(unseen), alone.predict(unseen))


def test_the_ensemble_alone_decides_where_it_is_asked_for(nb201: SearchSpace, data: tuple) -> None:
    ops, values, unseen = data
    model = learn_once(nb201, ops, values, "ensemble").model
    assert isinstance(model, FittedMixture)
    assert model.note() == {"ensemble_weight": 1.0}
    factor, offset = model.line
    np.testing.assert_allclose(model.predict(unseen).mean, offset + factor * model.ensemble.predict(unseen).mean)


@pytest.mark.slow
def test_the_ensembles_scale_follows_the_scores(nb201: SearchSpace, data: tuple) -> None:
    # The ensemble knows a prefix. All that came after is better: on the scale of all, what it knows is low.
    ops, values, _ = data
    order = np.argsort(values)
    learned = learn(nb201, ops[order], values[order], "ensemble")
    model = learned.model
    assert isinstance(model, FittedMixture)
    known = len(model.taught)
    assert known < len(values)
    old, new = model_scores(values[order[:known]], learned.tail), model_scores(values[order], learned.tail)[:known]
    factor, offset = model.line
    assert offset < -0.1
    assert np.mean((offset + factor * old - new) ** 2) < 0.2 * np.mean((old - new) ** 2)


def test_the_latest_evaluations_count_at_once(nb201: SearchSpace, data: tuple) -> None:
    # Hyperparameters may stem from a prefix of the history; the posterior never does.
    ops, values, _ = data
    fitter = fitter_of(nb201)
    for n in range(40, 44):
        worst, best = values.copy(), values.copy()
        worst[n - 1], best[n - 1] = values.min() - 1, values.max() + 1
        low = fitter.learn(ops[:n], worst[:n]).predict(ops[n - 1 : n]).mean
        high = fitter.learn(ops[:n], best[:n]).predict(ops[n - 1 : n]).mean
        assert high > low + 0.5


def test_a_few_hopeless_ones_leave_the_others_in_order(nb201: SearchSpace, data: tuple) -> None:
    ops, values, unseen = data
    hopeless = values.copy()
    hopeless[np.argsort(values)[:5]] -= 1e4
    plain, bent = (learn_once(nb201, ops[:60], y) for y in (values, hopeless))
    assert bent.tail < TAILS[-1]
    assert kendalltau(plain.predict(unseen).mean, bent.predict(unseen).mean).statistic > 0.7


def test_the_tail_is_the_likeliest_one(nb201: SearchSpace, data: tuple) -> None:
    # What is normal as it is needs no bending; its exponential's mirror image does.
    ops, _, _ = data
    features = GraphFeatures(nb201)
    X = features(ops)
    K = ArchitectureKernel(features, BlockKernel(features)).matrix(X, X) + 0.01 * np.eye(len(X))
    normal = np.linalg.cholesky(K) @ np.random.default_rng(0).normal(size=len(ops))
    assert learn(nb201, ops, normal).tail == TAILS[-1]
    assert learn(nb201, ops, -np.exp(-2 * normal)).tail <= TAILS[1]


@pytest.mark.parametrize("rows", [2, MIN_ENSEMBLE_ROWS])
def test_equal_values_teach_nothing_and_break_nothing(nb201: SearchSpace, data: tuple, rows: int) -> None:
    ops, _, unseen = data
    prediction = learn(nb201, ops[:rows], np.full(rows, 93.7), "mixture").predict(unseen)
    assert np.abs(prediction.mean).max() < 0.2
    assert np.isfinite(prediction.stddev).all()
    assert (prediction.stddev > 0).all()


@pytest.mark.slow
def test_a_repeated_architecture_is_two_measurements(nb201: SearchSpace, data: tuple) -> None:
    ops, values, _ = data
    twice, repeated = np.concatenate([ops[:20], ops[:20]]), np.concatenate([values[:20], values[:20][::-1]])
    prediction = learn(nb201, twice, repeated, "mixture").predict(ops[:20])
    assert np.isfinite(prediction.mean).all()
    assert np.isfinite(prediction.stddev).all()


def test_imagined_results_keep_the_mean_and_shrink_the_spread(nb201: SearchSpace, data: tuple) -> None:
    ops, values, unseen = data
    model = learn_once(nb201, ops, values)
    before, more = model.predict(unseen), model.after(unseen[:5])
    imagined = more.predict(unseen)
    # A result that is just as expected changes no expectation, anywhere.
    np.testing.assert_allclose(imagined.mean, before.mean, atol=1e-6)
    assert (imagined.stddev <= before.stddev + 1e-9).all()
    assert (imagined.stddev[:5] < before.stddev[:5]).all()
    # No more is left than one measurement's noise.
    assert (imagined.stddev[:5] <= more.noise).all()
    assert same(model.predict(unseen), before)


@pytest.mark.slow
@pytest.mark.parametrize("predictor", ["ensemble", "mixture"])
def test_the_ensemble_is_surer_of_imagined_results_too(nb201: SearchSpace, data: tuple, predictor: str) -> None:
    ops, values, unseen = data
    model = learn_once(nb201, ops[:30], values[:30], predictor)
    before, once = model.predict(unseen), model.after(unseen[:3])
    assert isinstance(model.model, FittedMixture)
    assert isinstance(once.model, FittedMixture)
    np.testing.assert_allclose(once.model.process.scores[-3:], before.mean[:3], atol=1e-5)
    imagined = once.predict(unseen)
    assert (imagined.stddev <= before.stddev * 1.05).all()
    assert (imagined.stddev[:3] < 0.8 * before.stddev[:3]).all()
    # One after the other is the same as together.
    step = model.after(unseen[:1]).after(unseen[1:3]).predict(unseen)
    if predictor == "ensemble":
        np.testing.assert_allclose(imagined.mean, before.mean, atol=1e-5)
        # In the proportion in which the Gaussian process is.
        later, earlier = (m.model.process.predict(unseen).stddev for m in (once, model))
        np.testing.assert_allclose(imagined.stddev, before.stddev * later / earlier, rtol=1e-4)
        np.testing.assert_allclose(step.mean, imagined.mean, rtol=1e-4)
        np.testing.assert_allclose(step.stddev, imagined.stddev, rtol=1e-4)
    assert same(model.predict(unseen), before)


@pytest.mark.slow
@pytest.mark.parametrize("predictor", ["ensemble", "mixture"])
def test_what_an_ensemble_was_trained_on_it_is_not_held_out_from(
    nb201: SearchSpace, data: tuple, predictor: str
) -> None:
    ops, values, unseen = data
    held = learn_once(nb201, ops[:30], values[:30], predictor).condition(ops[:20], values[:20])
    assert same(held.predict(unseen), learn(nb201, ops[:20], values[:20], predictor).predict(unseen))


@pytest.mark.slow
def test_a_long_history_is_fitted_on_a_part_of_it_and_learnt_whole(
    mbv3: SearchSpace, draw_codes: Callable, flow: Callable
) -> None:
    n = MAX_FIT_ROWS + 44
    ops = draw_codes(mbv3, n + 200, 1)
    values = flow(mbv3, ops)
    model = learn(mbv3, ops[:n], values[:n])
    assert len(model.scores) == n
    assert kendalltau(model.predict(ops[n:]).mean, values[n:]).statistic > 0.8
