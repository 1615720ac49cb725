from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loops.curves import ENOUGH, as_expected
from loops.history import History, Point, Trial, TrialStatus
from loops.loop import propose
from loops.objective import Objective
from loops.strategies import RandomSearch
from search_spaces import SearchSpace

ACCURACY, LOSS = Objective.parse("accuracy"), Objective.parse("-loss")
LENGTH = 6
COMPLETED, STOPPED, RUNNING = TrialStatus.COMPLETED, TrialStatus.STOPPED, TrialStatus.RUNNING
numbers = st.floats(-100, 100).map(lambda value: round(value, 3))
curves = st.lists(numbers, min_size=LENGTH, max_size=LENGTH)


class Named:
    """All that curves ask of an architecture."""

    def __init__(self, name: int) -> None:
        self.name = name


def of(index: int, values: Sequence[float], status: TrialStatus = COMPLETED, metric: str = "accuracy") -> Trial:
    curve = tuple(Point(step, {metric: value}, 100 * index + step) for step, value in enumerate(values, 1))
    metrics = {} if status is RUNNING else {metric: values[-1]}
    return Trial(index, Named(index), status, metrics, curve=curve)  # type: ignore[arg-type]


def with_costs(trial: Trial, **costs: float) -> Trial:
    return replace(trial, metrics={**trial.metrics, **costs})


def ends(trials: Sequence[Trial], objective: Objective | None = ACCURACY, metric: str = "accuracy") -> dict[int, float]:
    """What stopped trials count as, by index; those that count as nothing are missing."""
    expected = as_expected(History(trials), objective)
    found = {trial.index: trial.metrics[metric] for trial in expected.completed}
    return {trial.index: found[trial.index] for trial in trials if trial.status is STOPPED and trial.index in found}


def test_without_stopped_trials_the_history_is_itself() -> None:
    history = History([*(of(index, [1.0, 2.0]) for index in range(5)), of(5, [1.0], RUNNING)])
    assert as_expected(history, ACCURACY) is history


def test_until_enough_trials_are_completed_a_stopped_one_is_only_seen() -> None:
    stopped = of(9, [1.0], STOPPED)
    for count in range(ENOUGH + 1):
        expected = as_expected(
            History([*(of(index, [index, 5.0 + index]) for index in range(count)), stopped]), ACCURACY
        )
        (found,) = (trial for trial in expected if trial.index == 9)
        assert (found.status is STOPPED) == (count < ENOUGH)
        assert stopped.architecture in expected.seen


def test_trials_that_say_nothing_before_they_end_are_no_base() -> None:
    silent = [replace(of(index, [1.0, 2.0]), curve=()) for index in range(5)]
    assert ends([*silent, of(9, [1.0], STOPPED)]) == {}


@pytest.mark.slow
@given(
    completed=st.lists(curves, min_size=ENOUGH, max_size=7),
    cut=st.lists(curves, min_size=1, max_size=5),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_no_stopped_trial_is_better_than_the_best_completed_one(
    completed: list[list[float]], cut: list[list[float]], data: Any
) -> None:
    lengths = [data.draw(st.integers(1, LENGTH - 1)) for _ in cut]
    for objective, metric, sign in ((ACCURACY, "accuracy", 1), (LOSS, "loss", -1)):
        full = [of(index, row, metric=metric) for index, row in enumerate(completed)]
        stopped = [of(20 + i, row[:n], STOPPED, metric) for i, (row, n) in enumerate(zip(cut, lengths, strict=True))]
        expected = as_expected(History([*full, *stopped]), objective)
        best = max(sign * trial.metrics[metric] for trial in full)
        assert all(sign * trial.metrics[metric] <= best for trial in expected.completed)
        # Whose metrics are final keeps them.
        assert all(expected.trials[trial.index] is trial for trial in full)


@given(completed=st.lists(curves, min_size=ENOUGH, max_size=7), pair=st.tuples(curves, curves), step=st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_who_was_better_where_both_were_stopped_is_not_expected_to_end_worse(
    completed: list[list[float]], pair: tuple[list[float], list[float]], step: int
) -> None:
    full = [of(index, row) for index, row in enumerate(completed)]
    worse, better = sorted(pair, key=lambda row: row[step - 1])
    found = ends([*full, of(20, worse[:step], STOPPED), of(21, better[:step], STOPPED)])
    assert found[20] <= found[21] + 1e-9


@given(completed=st.lists(curves, min_size=ENOUGH, max_size=6), cut=curves, step=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_to_minimise_is_to_maximise_the_negative(completed: list[list[float]], cut: list[float], step: int) -> None:
    rising = ends([*(of(i, row) for i, row in enumerate(completed)), of(20, cut[:step], STOPPED)])
    negative = [of(i, [-value for value in row], metric="loss") for i, row in enumerate(completed)]
    falling = ends([*negative, of(20, [-value for value in cut[:step]], STOPPED, "loss")], LOSS, "loss")
    assert falling[20] == pytest.approx(-rising[20], abs=1e-9)


def test_a_stopped_trial_ends_on_the_line_through_the_completed_ones() -> None:
    full = [of(index, [value, 2 * value + 50]) for index, value in enumerate([10.0, 12.0, 14.0, 20.0])]
    found = ends([*full, of(8, [11.0], STOPPED), of(9, [5.0], STOPPED)])
    assert found == {8: pytest.approx(72.0), 9: pytest.approx(60.0)}
    # Never as what it had when it was stopped, which was no end.
    assert found[8] > 11.0


def test_those_that_were_stopped_later_tell_what_is_not_true_of_survivors_only() -> None:
    """Who had 70 at first ended at 80; who had 60 fell to 40, was stopped, and is not seen among those that ended."""
    full = [of(index, [value, value, value + 10]) for index, value in enumerate([70.0, 72.0, 74.0, 76.0])]
    halfway = [of(10 + index, [value, value - 20], STOPPED) for index, value in enumerate([60.0, 62.0, 64.0])]
    early = of(20, [61.0], STOPPED)
    with_them, without = ends([*full, *halfway, early])[20], ends([*full, early])[20]
    assert without == pytest.approx(71.0)
    assert with_them == pytest.approx(61.0)


def test_where_late_curves_say_nothing_the_mean_is_expected_and_never_the_contrary() -> None:
    falling = [of(index, [value, 90 - value]) for index, value in enumerate([10.0, 20.0, 30.0])]
    assert ends([*falling, of(9, [0.0], STOPPED)]) == {9: pytest.approx(70.0)}
    same = [of(index, [10.0, 80.0 + index]) for index in range(3)]
    assert ends([*same, of(9, [5.0], STOPPED)]) == {9: pytest.approx(81.0)}


def test_the_best_is_that_of_the_trials_which_break_no_bound() -> None:
    bounded = Objective.parse("accuracy", ["params<=10"])
    full = [with_costs(of(index, [value, value]), params=params) for index, (value, params) in enumerate(
        [(50.0, 5.0), (60.0, 5.0), (90.0, 20.0), (95.0, 20.0)]
    )]  # fmt: skip
    full = [
        replace(trial, curve=(Point(1, {"accuracy": trial.metrics["accuracy"] - 10}, 0), *trial.curve[1:]))
        for trial in full
    ]
    stopped = with_costs(of(9, [80.0], STOPPED), params=5.0)
    assert ends([*full, stopped]) == {9: pytest.approx(90.0)}
    assert ends([*full, stopped], bounded) == {9: pytest.approx(60.0)}


def test_costs_that_do_not_change_while_it_learns_are_what_they_are() -> None:
    exact = 1234567.1
    full = [
        with_costs(of(index, [value, value + 1]), params=0.1 + index) for index, value in enumerate([1.0, 2.0, 3.0])
    ]
    stopped = with_costs(of(9, [0.5], STOPPED), params=exact)
    bounded = Objective.parse(["accuracy", "-params"], ["params<=1234567.1"])
    assert ends([*full, stopped], bounded, "params") == {9: exact}
    # Nor where they are reported with every point.
    said = [
        replace(
            trial,
            curve=tuple(replace(p, metrics={**p.metrics, "params": trial.metrics["params"]}) for p in trial.curve),
        )
        for trial in (*full, stopped)
    ]
    assert ends(said, bounded, "params") == {9: exact}


def test_metrics_that_no_objective_has_stay_among_those_of_the_completed() -> None:
    full = [of(index, [value, value / 10], metric="loss") for index, value in enumerate([10.0, 20.0, 30.0])]
    stopped = of(9, [80.0], STOPPED, "loss")
    assert ends([*full, stopped], None, "loss") == {9: pytest.approx(3.0)}
    assert ends([*full, stopped], ACCURACY, "loss") == {9: pytest.approx(3.0)}
    # As an objective it is as bad as it looks.
    assert ends([*full, stopped], LOSS, "loss") == {9: pytest.approx(8.0)}


def test_metrics_that_are_missing_in_a_curve_or_in_an_end_are_no_obstacle() -> None:
    full = [of(index, [value, value + 1, value + 2]) for index, value in enumerate([1.0, 2.0, 3.0])]
    blind = replace(of(5, [7.0, 7.0, 7.0]), curve=(Point(3, {"loss": 1.0}, 1),))
    late = replace(full[0], curve=full[0].curve[1:])
    stopped = of(9, [1.5], STOPPED)
    silent = replace(of(8, [4.0], STOPPED), curve=(Point(1, {"loss": 1.0}, 1),))
    found = ends([late, *full[1:], of(6, [4.0, 5.0, 6.0]), blind, silent, stopped])
    assert found == {8: 4.0, 9: pytest.approx(3.5)}


def test_strategies_are_given_what_is_expected_and_the_record_is_not(tiny_space: SearchSpace) -> None:
    seen: list[History] = []

    class Spy(RandomSearch):
        def propose(self, history: History, n: int, rng: np.random.Generator) -> Any:
            seen.append(history)
            return super().propose(history, n, rng)

    architectures = tiny_space.sample(5, np.random.default_rng(0))
    trials = [replace(of(index, [index, 5.0 + index]), architecture=architectures[index]) for index in range(4)]
    trials.append(replace(of(4, [9.0], STOPPED), architecture=architectures[4]))
    history = History(trials)
    (proposed,) = propose(Spy(tiny_space), history, 1, 0, ACCURACY)
    assert [trial.metrics["accuracy"] for trial in seen[0].completed] == [5.0, 6.0, 7.0, 8.0, 8.0]
    assert history.trials[4].status is STOPPED
    assert len(history.completed) == 4
    assert proposed.architecture not in history.seen
    assert propose(Spy(tiny_space), History(reversed(trials)), 1, 0, ACCURACY)[0].architecture == proposed.architecture
