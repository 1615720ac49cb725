"""From a history to an acquisition, and on to the acquisition after results that are only imagined."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from bonag.acquisition.surrogate import Surrogate, Worth
from bonag.roles import ACQUISITIONS
from bonag.scores import model_scores
from loops.history import Trial, TrialStatus
from loops.objective import Objective
from loops.protocols import Prediction

SPEED = Objective.parse("speed")


def fit(fitted: Any, rows: slice = slice(None), seed: int = 0, **choice: Any) -> Worth:
    history = fitted.history(fitted.seen[rows], speed=fitted.values[rows])
    return Surrogate(fitted.space, SPEED, **choice).fit(history, seed)


@pytest.fixture(scope="module")
def acquisition(fitted: Any) -> Worth:
    return fit(fitted)


def test_it_improves_on_the_best_score_that_was_seen(fitted: Any, acquisition: Worth) -> None:
    incumbent = model_scores(fitted.values, fitted.model.tail).max()
    u = (fitted.mean - incumbent) / fitted.spread
    expected = fitted.spread * (norm.pdf(u) + u * norm.cdf(u))
    likely = u > -5
    np.testing.assert_allclose(np.exp(acquisition(fitted.unseen))[likely], expected[likely], rtol=1e-4)


@pytest.mark.parametrize("name", ACQUISITIONS.built_in)
def test_a_surrogate_is_a_pure_function_of_history_and_seed(fitted: Any, name: str) -> None:
    used, history = Surrogate(fitted.space, SPEED, acquisition=name), fitted.history(fitted.seen, speed=fitted.values)
    used.fit(fitted.history(fitted.seen[:12], speed=fitted.values[:12]), seed=5)
    values = used.fit(history, seed=7)(fitted.unseen)
    assert np.array_equal(values, fit(fitted, seed=7, acquisition=name)(fitted.unseen))
    other = used.fit(history, seed=8)(fitted.unseen)
    assert np.array_equal(values, other) == (name != "thompson")


def test_any_function_of_predictions_is_an_acquisition(fitted: Any) -> None:
    def mean(prediction: Prediction, best: float) -> np.ndarray:
        return prediction.mean - best

    incumbent = model_scores(fitted.values, fitted.model.tail).max()
    assert np.array_equal(fit(fitted, acquisition=mean)(fitted.unseen), fitted.mean - incumbent)


def test_where_evaluations_fail_others_are_worth_less(fitted: Any) -> None:
    history = fitted.history(fitted.seen, speed=fitted.values)
    values = fit(fitted)(fitted.unseen)
    promising = fitted.unseen[[int(values.argmax())]]
    (failing,) = (fitted.space.decode(fitted.space.graph(code)) for code in promising)
    failed = Trial(len(history), failing, TrialStatus.FAILED, reason="out of memory", ended_event=history.events + 1)
    near = fitted.space.codes(fitted.space.neighbours(failing))
    before, after = (
        Surrogate(fitted.space, SPEED).fit(one, 0).models["speed"].predict(near).mean
        for one in (history, history.updated(failed))
    )
    assert after.mean() < before.mean()
    # It counts as the worst, and is never the one to improve on.
    assert len(Surrogate(fitted.space, SPEED).fit(history.updated(failed), 0).scores) == len(fitted.values)


def test_better_architectures_are_worth_more(fitted: Any, acquisition: Worth) -> None:
    values = acquisition(fitted.unseen)
    best, worst = fitted.mean.argmax(), fitted.mean.argmin()
    assert values[best] > values[worst]
    assert values.shape == (len(fitted.unseen),)


def test_after_nothing_it_is_itself(fitted: Any, acquisition: Worth) -> None:
    assert acquisition.after(fitted.unseen[:0]) is acquisition


def test_what_waits_is_worth_less_and_what_is_like_it_too(fitted: Any, acquisition: Worth) -> None:
    before = acquisition(fitted.unseen)
    best = fitted.unseen[[int(before.argmax())]]
    after = acquisition.after(best)
    assert after(best)[0] < before.max() - 0.5
    # Nothing becomes worth more: the incumbent can only rise, and the spreads only shrink.
    assert (after(fitted.unseen) <= before + 1e-3).all()
    assert np.array_equal(acquisition(fitted.unseen), before)


def test_what_waits_may_be_the_best_to_improve_on(fitted: Any) -> None:
    # Only small cells have been seen, and larger ones promise more.
    cells = sorted(fitted.space.sample(120, np.random.default_rng(1)), key=lambda cell: fitted.space.costs(cell).macs)
    small, large = fitted.space.codes(cells[:60]), fitted.space.codes(cells[60:])
    macs = np.array([float(fitted.space.costs(cell).macs) for cell in cells[:60]])
    acquisition = Surrogate(fitted.space, SPEED).fit(fitted.history(small, speed=macs), seed=0)
    before = acquisition.models["speed"].predict(large).mean
    best = int(before.argmax())
    assert before[best] > acquisition.models["speed"].predict(small).mean.max()
    after = acquisition.after(large[[best]])
    prediction = after.models["speed"].predict(large)
    mean, spread = prediction.mean, prediction.stddev
    u = (mean - mean[best]) / spread
    expected, likely = spread * (norm.pdf(u) + u * norm.cdf(u)), u > -5
    np.testing.assert_allclose(np.exp(after(large))[likely], expected[likely], rtol=1e-4)


def test_waiting_one_by_one_equals_waiting_together(fitted: Any, acquisition: Worth) -> None:
    waiting = fitted.unseen[:3]
    together = acquisition.after(waiting)
    one_by_one = acquisition.after(waiting[:1]).after(waiting[1:2]).after(waiting[2:])
    np.testing.assert_allclose(together(fitted.unseen[3:]), one_by_one(fitted.unseen[3:]), rtol=1e-3)


def test_a_trials_note_is_json(acquisition: Worth) -> None:
    note = acquisition.note()
    assert json.loads(json.dumps(note, allow_nan=False)) == note
