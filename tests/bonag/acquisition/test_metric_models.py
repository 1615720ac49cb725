"""What is believed of a metric, in scores and in the metric's own unit, whichever predictor learns it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bonag.acquisition import metric_models
from bonag.acquisition.metric_models import DEFAULT_TAIL, LearnedMetric, MetricFitter
from bonag.predictors.schedule import prefix
from bonag.scores import TAILS, model_scores
from loops.protocols import Prediction
from search_spaces import NetworkSize, get_space


def test_values_and_scores_are_tied_where_the_model_is_sure(fitted):
    believed = fitted.model.predict_values(fitted.seen)
    assert np.abs(believed.mean - fitted.values).max() < 0.5 * fitted.values.std()
    assert (believed.stddev > 0).all()
    noisy = fitted.model.predict_values(fitted.seen, noisy=True)
    assert (noisy.stddev > believed.stddev).all()
    assert np.isfinite(noisy.mean).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_metric_that_is_always_the_same_is_predicted_to_be_so(fitted, sign):
    flat = MetricFitter(fitted.space, "size", sign).fit(fitted.seen, np.full(len(fitted.seen), 93.0))
    believed = flat.predict_values(fitted.seen, noisy=True)
    assert believed.mean == pytest.approx(np.full(len(fitted.seen), 93.0))
    assert believed.stddev.max() < 1e-9


def test_hopeless_trials_do_not_raise_what_is_foreseen_above_the_best(fitted):
    hopeless = np.where(fitted.values < np.quantile(fitted.values, 0.2), fitted.values - 1e3, fitted.values)
    scale = MetricFitter(fitted.space, "speed", 1.0).fit(fitted.seen, hopeless).scale
    gap, lead = scale.scores[-1] - scale.scores[-2], scale.values[-1] - scale.values[-2]
    assert scale.to_values(scale.scores[-1] + gap) == pytest.approx(scale.values[-1] + lead)


def test_counts_are_exact_and_other_metrics_learned(fitted):
    counted = MetricFitter(fitted.space, "macs", -1.0).fit(fitted.seen, fitted.values)
    assert counted.exact
    assert counted.predict_values(fitted.seen).mean.tolist() == fitted.values.tolist()
    assert counted.after(fitted.unseen) is counted
    learned = MetricFitter(fitted.space, "accuracy", -1.0).fit(fitted.seen, fitted.values)
    assert not learned.exact
    assert learned.predict_values(fitted.seen).mean == pytest.approx(fitted.values, rel=0.3)


def test_counts_at_another_image_size_are_exact_where_the_space_is_at_that_size():
    space = get_space("mbv3")
    at_192 = space.at(NetworkSize(1000, 192))
    architectures = space.sample(12, np.random.default_rng(0))
    codes, macs = space.codes(architectures), np.array([float(at_192.costs(one).macs) for one in architectures])
    counted = MetricFitter(at_192, "macs", -1.0).fit(codes, macs)
    assert counted.exact
    [other] = space.sample(1, np.random.default_rng(1))
    assert counted.predict_values(space.codes([other])).mean == [at_192.costs(other).macs]


def test_other_data_change_the_scores_and_not_the_hyperparameters(fitted):
    model = fitted.model.condition(fitted.seen[:20], fitted.values[:20])
    assert model.noise == fitted.model.noise
    assert model.model.scores == pytest.approx(model_scores(fitted.values[:20], fitted.model.tail))
    again = model.condition(fitted.seen, fitted.values)
    assert again.predict(fitted.unseen).mean == pytest.approx(fitted.mean)


@dataclass
class Nearest:
    """The contract and nothing else: the score of the nearest architecture that it was fitted on."""

    codes: np.ndarray | None = None
    scores: np.ndarray | None = None

    def fit(self, codes: np.ndarray, scores: np.ndarray) -> Nearest:
        return Nearest(codes, scores)

    def predict(self, codes: np.ndarray) -> Prediction:
        assert self.codes is not None
        assert self.scores is not None
        distance = (codes[:, None] != self.codes).sum(axis=2)
        return Prediction(self.scores[distance.argmin(axis=1)], 0.1 + distance.min(axis=1))


@pytest.mark.parametrize("n", [2, 19, 27, 30])
def test_a_predictor_that_only_fits_and_predicts_knows_all_trials(fitted, n):
    model = MetricFitter(fitted.space, "speed", 1.0, Nearest()).fit(fitted.seen[:n], fitted.values[:n])
    assert isinstance(model, LearnedMetric)
    expected = model_scores(fitted.values[:n], DEFAULT_TAIL)
    assert np.array_equal(model.predict(fitted.seen[:n]).mean, expected)
    assert model.noise == 0
    # What is expected of others counts as seen.
    after = model.after(fitted.unseen[:2])
    assert (after.predict(fitted.unseen[:2]).stddev == 0.1).all()
    assert np.array_equal(after.predict(fitted.unseen[:2]).mean, model.predict(fitted.unseen[:2]).mean)
    other = model.condition(fitted.seen[:2], fitted.values[:2])
    assert np.array_equal(other.predict(fitted.seen[:2]).mean, model_scores(fitted.values[:2], DEFAULT_TAIL))


def test_the_scale_is_the_likeliest_where_a_predictor_knows_it(fitted):
    class Warped(Nearest):
        def log_likelihoods(self, codes: np.ndarray, scores: np.ndarray) -> np.ndarray:
            return -1e3 * np.abs(scores - model_scores(fitted.values[: len(codes)], TAILS[2])).max(axis=1)

    model = MetricFitter(fitted.space, "speed", 1.0, Warped()).fit(fitted.seen, fitted.values)
    assert isinstance(model, LearnedMetric)
    assert model.tail == TAILS[2]


def test_of_very_many_trials_the_model_sees_the_best_and_some_of_the_others(fitted, monkeypatch):
    monkeypatch.setattr(metric_models, "MAX_ROWS", 40)
    monkeypatch.setattr(metric_models, "NEW_ROWS", 100 - prefix(100, metric_models.GROWTH))
    codes = np.concatenate([fitted.seen, fitted.unseen])[:100]
    values = np.random.default_rng(0).normal(size=100)
    for predictor in ("gp", Nearest()):
        monkeypatch.setattr(metric_models, "MAX_FIT_ROWS", 30)
        model = MetricFitter(fitted.space, "speed", 1.0, predictor).fit(codes, values)
        assert isinstance(model, LearnedMetric)
        scores = model_scores(values, model.tail)
        assert len(model.scores) == len(model.model.scores) == 40
        # On the scale of all trials, not of those that it sees.
        assert np.isin(model.scores, scores).all()
        assert np.isin(np.sort(scores)[-18:], model.scores).all()
