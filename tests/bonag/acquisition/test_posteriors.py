"""What is believed of a metric, in the metric's own unit."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.acquisition.metric_models import MetricFitter
from bonag.acquisition.posteriors import CountedPosterior, MetricPosterior, posterior_of
from bonag.predictors.fitting import ModelFitter


def test_values_and_scores_are_tied_where_the_model_is_sure(fitted):
    posterior = MetricPosterior.of(fitted.model, fitted.values, 1.0)
    assert posterior._values(posterior.scores) == pytest.approx(np.unique(fitted.values))
    mean, variance = posterior.predict(fitted.seen)
    assert np.abs(mean - fitted.values).max() < 0.5 * fitted.values.std()
    assert (variance > 0).all()
    noisy_mean, noisy = posterior.predict(fitted.seen, noisy=True)
    assert (noisy > variance).all()
    assert np.isfinite(noisy_mean).all()


def test_a_metric_that_is_always_the_same_is_predicted_to_be_so(fitted):
    same = np.full(len(fitted.seen), 93.0)
    flat = MetricPosterior.of(ModelFitter(fitted.space).fit(fitted.seen, same), same, -1.0)
    assert flat.predict(fitted.seen)[0] == pytest.approx(same)
    assert flat.to_scores(np.array([1.0, 93.0])) == pytest.approx([0, 0])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_scores_go_back_to_the_values_also_beyond_what_was_seen(fitted, sign):
    posterior = MetricPosterior.of(fitted.model, fitted.values, sign)
    width = np.ptp(fitted.values)
    values = np.linspace(fitted.values.min() - width, fitted.values.max() + width, 50)
    assert sign * posterior._values(posterior.to_scores(values)) == pytest.approx(values)


def test_hopeless_trials_do_not_raise_what_is_foreseen_above_the_best(fitted):
    hopeless = np.where(fitted.values < np.quantile(fitted.values, 0.2), fitted.values - 1e3, fitted.values)
    posterior = MetricPosterior.of(ModelFitter(fitted.space).fit(fitted.seen, hopeless), hopeless, 1.0)
    gap = posterior.scores[-1] - posterior.scores[-2]
    lead = posterior.values[-1] - posterior.values[-2]
    assert posterior._values(posterior.scores[-1] + gap) == pytest.approx(posterior.values[-1] + lead)


def test_scores_are_predicted_as_measurements_would_be(fitted):
    posterior = MetricPosterior.of(fitted.model, fitted.values, 1.0)
    mean, variance = posterior.predict_scores(fitted.unseen)
    assert mean == pytest.approx(fitted.mean)
    assert (variance > fitted.spread**2).all()


def test_counts_are_exact_and_other_metrics_learned(fitted):
    counted = posterior_of(MetricFitter(fitted.space, "macs", -1.0).fit(fitted.seen, fitted.values), fitted.values)
    assert isinstance(counted, CountedPosterior)
    assert counted.predict(fitted.seen)[0] == pytest.approx(fitted.values)
    learned = posterior_of(MetricFitter(fitted.space, "accuracy", -1.0).fit(fitted.seen, fitted.values), fitted.values)
    assert isinstance(learned, MetricPosterior)
    assert learned.predict(fitted.seen)[0] == pytest.approx(fitted.values, rel=0.3)
