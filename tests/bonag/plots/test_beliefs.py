"""Figures of predictors and of guidance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bonag.plots.beliefs import calibration, effects, importance, predicted_against_measured
from bonag.plots.guidance import guidance
from bonag.plots.plot import Plot


@pytest.fixture
def held_out() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    mean, deviation = rng.normal(93, 1, 2000), rng.uniform(0.5, 1, 2000)
    measured = rng.normal(mean, deviation)
    return pd.DataFrame(
        {"trial": range(2000), "measured": measured, "mean": mean, "deviation": deviation, "fold": np.arange(2000) % 5}
    )


def why(plot: Plot) -> str:
    return plot.figure.layout.annotations[0].text


def test_predictions_stand_against_measurements_with_their_deviation(held_out: pd.DataFrame) -> None:
    plot = predicted_against_measured(held_out.head(50), "accuracy")
    dots = plot.figure.data[1]
    assert list(dots.customdata) == list(range(50))
    np.testing.assert_array_equal(dots.error_y.array, held_out.deviation.head(50))
    assert plot.figure.layout.yaxis.title.text == "predicted accuracy (%)"
    error = np.sqrt(np.mean((held_out["mean"] - held_out.measured).head(50) ** 2))
    assert f"{error:.3g} %" in plot.summary


def test_a_few_hopeless_trials_do_not_squeeze_the_others(held_out: pd.DataFrame) -> None:
    frame = held_out.head(60)
    assert predicted_against_measured(frame).figure.layout.xaxis.range is None
    layout = predicted_against_measured(
        frame.assign(measured=frame.measured.where(frame.trial != 7, 10.0))
    ).figure.layout
    assert layout.xaxis.range == layout.yaxis.range
    assert layout.xaxis.range[0] > 85
    assert layout.annotations[0].text == "1 trial outside (double-click for all)"


@pytest.mark.parametrize(("factor", "observed"), [(1.0, 90.0), (0.5, 59.0), (2.0, 99.9)])
def test_calibration_tells_who_is_too_sure(held_out: pd.DataFrame, factor: float, observed: float) -> None:
    plot = calibration(held_out.assign(deviation=factor * held_out.deviation))
    line = plot.figure.data[-1]
    assert np.interp(90, line.x, line.y) == pytest.approx(observed, abs=2.5)


def test_calibration_is_judged_where_intervals_are_symmetric(held_out: pd.DataFrame) -> None:
    scores = held_out.assign(score=held_out.measured, score_mean=held_out["mean"], score_deviation=held_out.deviation)
    plot = calibration(scores.assign(measured=0.0, mean=100.0))
    assert list(plot.figure.data[-1].y) == list(calibration(held_out).figure.data[-1].y)


def test_the_most_important_slot_is_on_top() -> None:
    frame = pd.DataFrame({"slot": ["a", "<b>", "c"], "share": [0.1, 0.7, np.nan], "alone": [0.1, 0.5, 0.1]})
    plot = importance(frame)
    assert list(plot.figure.data[0].y) == ["a", "&lt;b&gt;"]
    assert list(plot.figure.data[0].x) == pytest.approx([10, 70])
    assert [trace.name for trace in plot.figure.data] == ["with interactions", "alone"]
    assert plot.summary == "<b> matters most of 2 slots: 70 % of the variance."
    assert len(importance(frame.drop(columns="alone")).figure.data) == 1


def test_effects_leave_empty_what_a_slot_lacks() -> None:
    rows = [("first", "conv", 0.5), ("first", "skip", -2.0), ("second", "conv", 0.1)]
    plot = effects(pd.DataFrame(rows, columns=["slot", "operation", "effect"]), "accuracy")
    np.testing.assert_array_equal(plot.figure.data[0].z, [[0.5, -2.0], [0.1, np.nan]])
    assert plot.figure.data[0].zmax == -plot.figure.data[0].zmin == 2
    assert plot.summary == "The largest effect is that of skip at first: 2 % below the mean."


def test_guidance_is_shown_by_step_in_their_order() -> None:
    sets = [(step, kind) for step in (10, 100, 25) for kind in ("unguided", "guided")]
    rows = [(step, kind, float(i + step * (kind == "guided"))) for step, kind in sets for i in range(41)]
    plot = guidance(pd.DataFrame(rows, columns=["step", "kind", "value"]))
    unguided, guided = plot.figure.data
    assert list(plot.figure.layout.xaxis.categoryarray) == ["10", "25", "100"]
    assert list(guided.x) == ["10", "25", "100"]
    assert list(guided.median) == [30, 45, 120]
    assert (list(unguided.lowerfence), list(unguided.q1)) == ([2] * 3, [10] * 3)


def test_without_numbers_the_figures_say_so(held_out: pd.DataFrame) -> None:
    for plot in (predicted_against_measured(held_out.head(0)), calibration(held_out.head(0))):
        assert why(plot) == "no held-out predictions yet"
    assert "slot" in why(importance(pd.DataFrame({"slot": ["a"], "share": [np.nan]})))
    assert "operation" in why(effects(pd.DataFrame({"slot": [], "operation": [], "effect": []})))
    assert why(guidance(pd.DataFrame({"step": [1], "kind": ["guided"], "value": [np.nan]}))) == "no samples to show"
    # One of each is enough to draw; nothing varies.
    assert calibration(held_out.head(1)).summary
    assert effects(pd.DataFrame({"slot": ["a"], "operation": ["b"], "effect": [0.0]})).figure.data
