"""Fitting is a pure function of the evaluated architectures, and imagining results is what it says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from bonag.predictors.fitting import MAX_HYPERPARAMETER_ROWS, MIN_ENSEMBLE_ROWS, ModelFitter, _informative
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from bonag.predictors import fitting
from bonag.predictors.ensemble import MEMBERS
from bonag.predictors.features import GraphFeatures
from bonag.predictors.gp import make_gp
from bonag.predictors.mixture import ArchitectureModel
from bonag.predictors.schedule import prefix
from bonag.scores import TAILS, model_scores
from search_spaces import SearchSpace

every_predictor = pytest.mark.parametrize("predictor", ["gp", "ensemble", "mixture"])


@pytest.fixture(scope="module")
def data(nb201: SearchSpace, draw_codes: Callable, flow: Callable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Operations, their values, and operations that nobody has evaluated."""
    ops = draw_codes(nb201, 140, 0)
    return ops[:60], flow(nb201, ops[:60]), ops[60:]


@pytest.mark.parametrize("predictor", ["gp", pytest.param("mixture", marks=pytest.mark.slow)])
def test_a_fitter_that_was_used_before_answers_bit_for_bit_as_a_fresh_one(
    nb201: SearchSpace, data: tuple, predictor: str
) -> None:
    ops, values, unseen = data
    used = ModelFitter(nb201, predictor)
    used.fit(ops[:10], values[:10])
    # Another run's history of the same length, with the same architectures.
    used.fit(ops[:46], -values[:46])
    after_use, fresh = used.fit(ops[:46], values[:46]), ModelFitter(nb201, predictor).fit(ops[:46], values[:46])
    assert (after_use.ensemble is not None) == (predictor != "gp")
    assert after_use.ensemble_weight == fresh.ensemble_weight
    for part in range(2):
        assert np.array_equal(after_use.predict(unseen)[part], fresh.predict(unseen)[part])
    # And once more from memory.
    assert np.array_equal(used.fit(ops[:46], values[:46]).predict(unseen), fresh.predict(unseen))


def test_it_asks_no_global_randomness(nb201: SearchSpace, data: tuple) -> None:
    ops, values, unseen = data
    predictions = []
    for seed in range(2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
        predictions.append(ModelFitter(nb201, "mixture").fit(ops[:30], values[:30]).predict(unseen))
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.array_equal(np.random.get_state()[1], before[1])  # type: ignore[index]  # noqa: NPY002
    assert np.array_equal(*predictions)


@every_predictor
@pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", pytest.param("darts", marks=pytest.mark.slow)])
def test_predictions_rank_what_was_not_seen(
    request: pytest.FixtureRequest, draw_codes: Callable, flow: Callable, name: str, predictor: str
) -> None:
    space = request.getfixturevalue(name)
    ops = draw_codes(space, 260, 0)
    values = flow(space, ops)
    mean, spread = ModelFitter(space, predictor).fit(ops[:60], values[:60]).predict(ops[60:])
    assert kendalltau(mean, values[60:]).statistic > 0.5
    assert (spread > 0).all()


def test_before_there_is_enough_for_an_ensemble_the_gaussian_process_stands_in(nb201: SearchSpace, data: tuple) -> None:
    ops, values, unseen = data
    n = 2 * MEMBERS - 1
    alone = ModelFitter(nb201, "gp").fit(ops[:n], values[:n])
    for predictor in ("ensemble", "mixture"):
        model = ModelFitter(nb201, predictor).fit(ops[:n], values[:n])
        assert model.ensemble_weight == 0
        assert np.array_equal(model.predict(unseen), alone.predict(unseen))


def test_the_ensemble_alone_decides_where_it_is_asked_for(nb201: SearchSpace, data: tuple) -> None:
    ops, values, unseen = data
    model = ModelFitter(nb201, "ensemble").fit(ops, values)
    assert model.ensemble_weight == 1
    assert model.ensemble is not None
    factor, offset = model.rescale
    np.testing.assert_allclose(model.predict(unseen)[0], offset + factor * model.ensemble.predict(unseen)[0])


def test_the_ensembles_scale_follows_the_targets(nb201: SearchSpace, data: tuple) -> None:
    # The ensemble knows a prefix. All that came after is better: on the scale of all, what it knows is low.
    ops, values, _ = data
    order = np.argsort(values)
    model = ModelFitter(nb201, "ensemble").fit(ops[order], values[order])
    assert model.ensemble is not None
    known = len(model.ensemble.held_out[0])
    assert known < len(values)
    old, new = model_scores(values[order[:known]], model.tail), model_scores(values[order], model.tail)[:known]
    factor, offset = model.rescale
    assert offset < -0.1
    assert np.mean((offset + factor * old - new) ** 2) < 0.2 * np.mean((old - new) ** 2)


def test_the_latest_evaluations_count_at_once(nb201: SearchSpace, data: tuple) -> None:
    # Hyperparameters may stem from a prefix of the history; the posterior never does.
    ops, values, _ = data
    fitter = ModelFitter(nb201, predictor="gp")
    for n in range(40, 44):
        worst, best = values.copy(), values.copy()
        worst[n - 1], best[n - 1] = values.min() - 1, values.max() + 1
        low = fitter.fit(ops[:n], worst[:n]).predict(ops[n - 1 : n])[0]
        high = fitter.fit(ops[:n], best[:n]).predict(ops[n - 1 : n])[0]
        assert high > low + 0.5


def test_a_few_hopeless_ones_leave_the_others_in_order(nb201: SearchSpace, data: tuple) -> None:
    ops, values, unseen = data
    hopeless = values.copy()
    hopeless[np.argsort(values)[:5]] -= 1e4
    plain, bent = (ModelFitter(nb201).fit(ops[:60], y) for y in (values, hopeless))
    assert bent.tail < TAILS[-1]
    assert kendalltau(plain.predict(unseen)[0], bent.predict(unseen)[0]).statistic > 0.7


def test_the_tail_is_the_likeliest_one(nb201: SearchSpace, data: tuple) -> None:
    # What is normal as it is needs no bending; its exponential's mirror image does.
    ops, _, _ = data
    features = GraphFeatures(nb201)
    X = torch.from_numpy(features(ops))
    gp = make_gp(features, X, torch.zeros(len(ops), dtype=torch.float64))
    with torch.no_grad():
        K = gp.covar_module(X).to_dense() + 0.01 * torch.eye(len(X), dtype=X.dtype)
    normal = torch.linalg.cholesky(K).numpy() @ np.random.default_rng(0).normal(size=len(ops))
    assert ModelFitter(nb201).fit(ops, normal).tail == TAILS[-1]
    assert ModelFitter(nb201).fit(ops, -np.exp(-2 * normal)).tail <= TAILS[1]


@pytest.mark.parametrize("rows", [2, MIN_ENSEMBLE_ROWS, 40])
def test_equal_values_teach_nothing_and_break_nothing(nb201: SearchSpace, data: tuple, rows: int) -> None:
    ops, _, unseen = data
    mean, spread = ModelFitter(nb201, "mixture").fit(ops[:rows], np.full(rows, 93.7)).predict(unseen)
    assert np.abs(mean).max() < 0.2
    assert np.isfinite(spread).all()
    assert (spread > 0).all()


def test_a_repeated_architecture_is_two_measurements(nb201: SearchSpace, data: tuple) -> None:
    ops, values, _ = data
    twice, repeated = np.concatenate([ops[:20], ops[:20]]), np.concatenate([values[:20], values[:20][::-1]])
    mean, spread = ModelFitter(nb201, "mixture").fit(twice, repeated).predict(ops[:20])
    assert np.isfinite(mean).all()
    assert np.isfinite(spread).all()


def test_imagined_results_keep_the_mean_and_shrink_the_spread(nb201: SearchSpace, data: tuple) -> None:
    ops, values, unseen = data
    fitter = ModelFitter(nb201, predictor="gp")
    model = fitter.fit(ops, values)
    mean, spread = model.predict(unseen)
    more = fitter.imagined(model, unseen[:5])
    imagined_mean, imagined_spread = more.predict(unseen)
    # A result that is just as expected changes no expectation, anywhere.
    np.testing.assert_allclose(imagined_mean, mean, atol=1e-6)
    assert (imagined_spread <= spread + 1e-9).all()
    assert (imagined_spread[:5] < spread[:5]).all()
    # No more is left than one measurement's noise.
    assert (imagined_spread[:5] ** 2 <= more.gp.likelihood.noise.item()).all()
    assert np.array_equal(model.predict(unseen), (mean, spread))


@pytest.mark.parametrize("predictor", ["ensemble", "mixture"])
def test_the_ensemble_is_surer_of_imagined_results_too(nb201: SearchSpace, data: tuple, predictor: str) -> None:
    ops, values, unseen = data
    fitter = ModelFitter(nb201, predictor)
    model = fitter.fit(ops[:30], values[:30])
    mean, spread = model.predict(unseen)
    once = fitter.imagined(model, unseen[:3])
    np.testing.assert_allclose(once.gp.train_targets[-3:], mean[:3], atol=1e-5)
    assert (once.predict(unseen)[1] <= spread * 1.05).all()
    assert (once.predict(unseen[:3])[1] < 0.8 * spread[:3]).all()
    # One after the other is the same as together.
    step = fitter.imagined(fitter.imagined(model, unseen[:1]), unseen[1:3])
    if predictor == "ensemble":
        np.testing.assert_allclose(once.predict(unseen)[0], mean, atol=1e-5)
        # In the proportion in which the Gaussian process is.
        later, before = (ArchitectureModel(m.features, m.gp).predict(unseen)[1] for m in (once, model))
        np.testing.assert_allclose(once.predict(unseen)[1], spread * later / before, rtol=1e-4)
        np.testing.assert_allclose(step.predict(unseen), once.predict(unseen), rtol=1e-4)
    assert np.array_equal(model.predict(unseen), (mean, spread))


@pytest.mark.slow
def test_a_long_history_is_fitted_on_a_part_of_it_and_learnt_whole(
    mbv3: SearchSpace, draw_codes: Callable, flow: Callable
) -> None:
    n = MAX_HYPERPARAMETER_ROWS + 44
    ops = draw_codes(mbv3, n + 200, 1)
    values = flow(mbv3, ops)
    model = ModelFitter(mbv3).fit(ops[:n], values[:n])
    assert model.gp.train_inputs[0].shape[0] == n
    assert kendalltau(model.predict(ops[n:])[0], values[n:]).statistic > 0.8


# The schedule of what is fitted anew, and on what


@given(st.integers(1, 5000), st.floats(0.01, 1))
def test_a_prefix_lags_by_less_than_the_share_and_never_shrinks(n: int, growth: float) -> None:
    length = prefix(n, growth)
    assert 1 <= length <= n < length + max(1, growth * length) + 1e-9
    assert length <= prefix(n + 1, growth)
    assert prefix(length, growth) == length


@given(st.integers(1, 800), st.integers(0, 99))
def test_the_best_rows_are_always_informative(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 50, size=n).astype(float)
    rows = _informative(values, MAX_HYPERPARAMETER_ROWS)
    assert len(rows) == min(n, MAX_HYPERPARAMETER_ROWS)
    assert (np.diff(rows) > 0).all()
    left_out = np.setdiff1d(np.arange(n), rows)
    if len(left_out):
        assert np.sort(values)[-(MAX_HYPERPARAMETER_ROWS // 2)] >= values[left_out].max()
        # The rest is spread over the whole search, early and late.
        assert np.diff(rows).max() <= 2 + 4 * n / MAX_HYPERPARAMETER_ROWS


def test_of_very_many_trials_the_model_sees_the_best_and_some_of_the_others(
    nb201: SearchSpace, draw_codes: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "MAX_ROWS", 40)
    codes = draw_codes(nb201, 100, 0)
    values = np.random.default_rng(0).normal(size=100)
    model = ModelFitter(nb201).fit(codes, values)
    gp, targets = model.gp, model_scores(values, model.tail)
    assert len(gp.train_targets) == 40
    # On the scale of all trials, not of those that it sees.
    assert np.isin(gp.train_targets.numpy(), targets).all()
    assert np.isin(np.sort(targets)[-20:], gp.train_targets.numpy()).all()
