from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bonag
from bonag.executors.in_process import InProcessExecutor
from bonag.roles import STOP_RULES
from bonag.running_trial import RunningTrial
from loops.history import History, Point, Trial, TrialStatus
from loops.loop import Loop
from loops.objective import Objective
from loops.stopping import FEWEST, MedianRule, SuccessiveHalving
from loops.strategies import RegularizedEvolution
from search_spaces import SearchSpace

ACCURACY = Objective.parse("accuracy")
# With rungs at 1 and 3 of the 9 steps of most curves here.
RULES: dict[str, Callable[[Objective], Any]] = {"asha": partial(SuccessiveHalving, first=1), "median": MedianRule}
LENGTH = 9
any_rule = pytest.mark.parametrize("name", RULES)
# Few different numbers, so that there are ties, and 0.1, which sums do not bring back.
curves = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.7, 1.0, -1.0]), min_size=LENGTH, max_size=LENGTH)


class Named:
    """All that rules ask of an architecture."""

    def __init__(self, name: int) -> None:
        self.name = name


def trial(index: int, points: Sequence[Mapping[str, float]], status: TrialStatus = TrialStatus.COMPLETED) -> Trial:
    curve = tuple(Point(step, point, 100 * index + step) for step, point in enumerate(points, 1) if point)
    metrics = dict(points[-1]) if status is not TrialStatus.RUNNING else {}
    return Trial(index, Named(index), status, metrics, curve=curve)  # type: ignore[arg-type]


def of(
    index: int, values: Sequence[float], status: TrialStatus = TrialStatus.COMPLETED, metric: str = "accuracy"
) -> Trial:
    return trial(index, [{metric: value} for value in values], status)


def asked(rule: Any, others: Sequence[Trial], one: Trial) -> bool:
    """Whether the rule stops a running trial at the last point of its curve."""
    one = replace(one, status=TrialStatus.RUNNING, metrics={})
    return bool(rule.stops(History([*others, one]), one))


def stop_of(rule: Any, others: Sequence[Trial], values: Sequence[float], metric: str = "accuracy") -> int | None:
    """The step at which the rule stops a trial with this curve."""
    for step in range(1, len(values) + 1):
        if asked(rule, others, of(len(others), values[:step], metric=metric)):
            return step
    return None


@any_rule
@given(rows=st.lists(curves, min_size=FEWEST, max_size=9), data=st.data())
@settings(max_examples=60, deadline=None)
def test_who_is_nowhere_worse_than_the_others_is_never_stopped(name: str, rows: list[list[float]], data: Any) -> None:
    others = [of(index, row[: data.draw(st.integers(1, LENGTH))]) for index, row in enumerate(rows)]
    best = [max(row[step] for row in rows) for step in range(LENGTH)]
    assert stop_of(RULES[name](ACCURACY), others, best) is None


@any_rule
@given(row=curves, count=st.integers(FEWEST, 12))
@settings(max_examples=40, deadline=None)
def test_equal_trials_all_go_on(name: str, row: list[float], count: int) -> None:
    flat = [row[0]] * LENGTH
    assert stop_of(RULES[name](ACCURACY), [of(index, flat) for index in range(count)], flat) is None


@any_rule
@given(rows=st.lists(curves, min_size=FEWEST, max_size=8), own=curves)
@settings(max_examples=60, deadline=None)
def test_to_minimise_is_to_maximise_the_negative(name: str, rows: list[list[float]], own: list[float]) -> None:
    rising = stop_of(RULES[name](ACCURACY), [of(index, row) for index, row in enumerate(rows)], own)
    falling = [of(index, [-value for value in row], metric="loss") for index, row in enumerate(rows)]
    loss = RULES[name](Objective.parse("-loss"))
    assert stop_of(loss, falling, [-value for value in own], metric="loss") == rising


@any_rule
@given(rows=st.lists(curves, min_size=FEWEST, max_size=8), own=curves, seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_rule_is_a_function_of_the_curves(name: str, rows: list[list[float]], own: list[float], seed: int) -> None:
    others = [of(index, row) for index, row in enumerate(rows)]
    places = np.random.default_rng(seed).permutation(len(rows))
    moved = [
        replace(other, index=int(place), proposed_at=7.0, ended_at=9.0, ended_event=int(place))
        for other, place in zip(others, places, strict=True)
    ]
    assert stop_of(RULES[name](ACCURACY), moved, own) == stop_of(RULES[name](ACCURACY), others, own)


def test_successive_halving_keeps_the_best_third_of_all_that_came_to_a_rung() -> None:
    rule = SuccessiveHalving(ACCURACY)
    others = [of(index, [index] * LENGTH) for index in range(8)]
    # Of nine, three go on; and who is as good as the third.
    assert [stop_of(rule, others, [value] * LENGTH) for value in (-1, 4.5, 5, 5.5, 6, 9)] == [3, 3] + [None] * 4
    # Of eight as well.
    assert [stop_of(rule, others[:-1], [value] * LENGTH) for value in (3.5, 4)] == [3, None]


def test_successive_halving_asks_at_its_rungs_or_right_behind_them() -> None:
    def steps(whole: int, reported: Sequence[int], **options: int) -> list[int]:
        others = [of(index, [1.0] * whole) for index in range(5)]
        rule, found = SuccessiveHalving(ACCURACY, **options), []
        for count in range(1, len(reported) + 1):
            said = reported[:count]
            points = [{"accuracy": 0.0} if step in said else {} for step in range(1, said[-1] + 1)]
            if asked(rule, others, trial(9, points, TrialStatus.RUNNING)):
                found.append(said[-1])
        return found

    assert steps(90, range(1, 90)) == [10, 30]
    assert steps(90, range(1, 90), eta=2, rungs=3) == [12, 23, 45]
    assert steps(90, range(4, 90, 4)) == [12, 32]
    assert steps(90, [40, 80]) == [40]
    # The first steps tell nothing.
    assert steps(12, range(1, 12)) == [4]
    assert steps(5, range(1, 5)) == [2]
    assert steps(12, range(1, 12), first=2) == [2, 4]


def test_until_a_trial_is_completed_nobody_knows_where_the_rungs_are() -> None:
    rule = SuccessiveHalving(ACCURACY)
    others = [of(index, [1.0] * 12, TrialStatus.RUNNING) for index in range(6)]
    assert not asked(rule, others, of(7, [0.0] * 4))
    assert asked(rule, [*others, of(6, [1.0] * 12)], of(7, [0.0] * 4))


def test_the_median_rule_compares_the_best_so_far_with_averages_so_far() -> None:
    rule = MedianRule(ACCURACY)
    # At step 2 their averages are 1, 2, 3, 4 and 5, though all have 10 in the end.
    others = [of(index, [index + 0.5, index + 1.5, 10.0]) for index in range(5)]
    assert asked(rule, others, of(5, [2.0, 2.9]))
    assert not asked(rule, others, of(5, [2.0, 3.0]))
    assert not asked(rule, others, of(5, [3.0, 0.0]))
    assert not asked(rule, others[:3], of(5, [0.0, 0.0]))


@any_rule
def test_whoever_came_as_far_as_anybody_goes_on_for_it_may_be_done(name: str) -> None:
    rule = RULES[name](ACCURACY)
    others = [of(index, [1.0] * LENGTH) for index in range(6)]
    assert stop_of(rule, others, [0.0] * LENGTH) == 1
    # Who reports nothing before the end is not stopped at it.
    late: list[dict[str, float]] = [{}] * (LENGTH - 1)
    assert not asked(rule, others, trial(7, [*late, {"accuracy": 0.0}]))
    assert asked(rule, [*others, of(6, [1.0] * (LENGTH + 1))], trial(7, [*late, {"accuracy": 0.0}]))
    assert not asked(rule, [of(index, [1.0]) for index in range(6)], of(7, [0.0]))


@any_rule
def test_points_without_the_metric_decide_nothing(name: str) -> None:
    rule = RULES[name](ACCURACY)
    others = [of(index, [1.0] * LENGTH) for index in range(6)]
    early: list[dict[str, float]] = [{"loss": 9.0}]
    assert not asked(rule, others, trial(7, early))
    assert not asked(rule, others, trial(7, [{"accuracy": 0.0}, {"loss": 9.0}]))
    # Said at step 2 for the first time, it is judged there.
    assert asked(rule, others, trial(7, [*early, {"accuracy": 0.0}]))
    # Others that never said it are no measure.
    assert not asked(rule, [of(index, [1.0] * LENGTH, metric="loss") for index in range(6)], of(7, [0.0]))


@any_rule
def test_failed_and_abandoned_trials_are_no_measure(name: str) -> None:
    statuses = [TrialStatus.FAILED, TrialStatus.ABANDONED] * 3
    others = [of(index, [1.0] * LENGTH, status) for index, status in enumerate(statuses)]
    assert not asked(RULES[name](ACCURACY), others, of(7, [0.0]))
    others = [*(of(index, [1.0] * 3, TrialStatus.STOPPED) for index in range(6)), of(6, [1.0] * LENGTH)]
    assert asked(RULES[name](ACCURACY), others, of(7, [0.0]))


@any_rule
def test_of_several_goals_nobody_is_stopped_for_one_alone(name: str) -> None:
    rule = RULES[name](Objective.parse(["accuracy", "-params"]))
    others = [trial(index, [{"accuracy": 0.8, "params": 10.0}] * LENGTH) for index in range(6)]
    assert asked(rule, others, trial(7, [{"accuracy": 0.7, "params": 11.0}]))
    assert not asked(rule, others, trial(7, [{"accuracy": 0.7, "params": 9.0}]))
    assert not asked(rule, others, trial(7, [{"accuracy": 0.9, "params": 11.0}]))
    # What is not known yet may be what it is good at.
    assert not asked(rule, others, trial(7, [{"accuracy": 0.7}]))


@any_rule
def test_of_the_others_it_is_enough_to_know_a_goal_in_the_end(name: str) -> None:
    rule = RULES[name](Objective.parse(["accuracy", "-params"]))
    others = [replace(of(index, [0.8] * LENGTH), metrics={"accuracy": 0.8, "params": 10.0}) for index in range(6)]
    assert asked(rule, others, trial(7, [{"accuracy": 0.7, "params": 11.0}]))
    assert not asked(rule, others, trial(7, [{"accuracy": 0.7, "params": 9.0}]))


@any_rule
def test_trials_that_break_a_bound_stop_nobody_who_does_not(name: str) -> None:
    rule = RULES[name](Objective.parse("accuracy", ["params<=10"]))
    wide = [trial(index, [{"accuracy": 0.9, "params": 20.0}] * LENGTH) for index in range(6)]
    narrow = [trial(10 + index, [{"accuracy": 0.5, "params": 9.0}] * LENGTH) for index in range(6)]
    assert not asked(rule, wide, trial(7, [{"accuracy": 0.1, "params": 10.0}]))
    assert not asked(rule, [*wide, *narrow], trial(7, [{"accuracy": 0.5, "params": 10.0}]))
    assert asked(rule, [*wide, *narrow], trial(7, [{"accuracy": 0.4, "params": 10.0}]))
    # A bound on what nobody knows yet is not broken.
    assert not asked(rule, wide, of(7, [0.1]))
    assert asked(rule, narrow, of(7, [0.1]))


def test_successive_halving_stops_first_who_breaks_bounds_most() -> None:
    rule = RULES["asha"](Objective.parse("accuracy", ["params<=10"]))
    others = [trial(index, [{"accuracy": 0.1, "params": 10.0 + index}] * LENGTH) for index in range(6)]
    assert asked(rule, others, trial(7, [{"accuracy": 0.9, "params": 15.0}]))
    assert not asked(rule, others, trial(7, [{"accuracy": 0.0, "params": 10.5}]))


class Learning:
    """Curves to a value that is a function of the architecture, some of which rise late; counts its epochs."""

    metrics: tuple[str, ...] = ("accuracy",)
    description = "a formula"
    EPOCHS = 9

    def __init__(self) -> None:
        self.epochs = 0

    def evaluate(self, architecture: Any, trial: Any) -> dict[str, float]:
        code = sum(letter * 7**place for place, letter in enumerate(map(ord, str(architecture))))
        final, rate = code * 2654435761 % 1009, 1 + code % 3
        value = 0.0
        for epoch in trial.epochs(self.EPOCHS):
            self.epochs += 1
            value = final * (1 - 1 / (1 + rate * (epoch + 1)))
            trial.report(accuracy=value)
        return {"accuracy": value}


class CrashError(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("name", ["asha", "median", "none"])
def test_killed_anywhere_and_resumed_a_run_with_a_rule_is_as_if_never_interrupted(
    name: str, tiny_space: SearchSpace, tiny_config: Any, memory_recorder: Any
) -> None:
    config = tiny_config(budget=16, seed=3, stop_early=name)

    def go(recorder: Any) -> Learning:
        evaluator = Learning()
        strategy = RegularizedEvolution(tiny_space, ACCURACY, population=4, sample_size=2)
        rule = STOP_RULES.make(name, {"objective": lambda: ACCURACY})
        Loop(config, strategy, evaluator, InProcessExecutor(), recorder, rule=rule).run()
        return evaluator

    def table(recorder: Any) -> list[Any]:
        return [
            (t.architecture, t.status, dict(t.metrics), [(p.step, dict(p.metrics)) for p in t.curve], t.reason)
            for t in recorder.history()
        ]

    whole = memory_recorder()
    evaluator = go(whole)
    statuses = [t.status for t in whole.history()]
    stopped = statuses.count(TrialStatus.STOPPED)
    assert len(statuses) == 16
    assert (stopped == 0) == (name == "none")
    assert (evaluator.epochs == 16 * Learning.EPOCHS) == (name == "none")
    for every in (*range(10, 24), 41):
        recorder = memory_recorder()
        for _start in range(40):
            left = iter(range(every))

            def fuse(left: Any = left) -> None:
                if next(left, None) is None:
                    raise CrashError

            recorder.fuse = fuse
            try:
                go(recorder)
                break
            except CrashError:
                recorder = memory_recorder(recorder.trials.values())
        assert table(recorder) == table(whole)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_search_that_stops_early_spends_fewer_epochs_on_as_many_trials(workers: int, tmp_path: Path) -> None:
    epochs, budget, reported = 9, 24, tmp_path / "epochs"

    def train(architecture: Any, trial: Any) -> dict[str, float]:
        kernels = str(architecture).count("conv_3x3")
        accuracy = 0.0
        for epoch in trial.epochs(epochs):
            with open(reported, "a") as file:
                file.write(f"{trial.index}\n")
            accuracy = kernels * 10.0 + epoch
            trial.report(accuracy=accuracy)
        return {"accuracy": accuracy}

    result = bonag.search(
        space="nb201",
        evaluator=train,
        strategy="random",
        budget=budget,
        workers=workers,
        stop_early="asha",
        out=str(tmp_path),
    )
    history = result.history
    spent = Counter(map(int, reported.read_text().split()))
    assert len(history) == budget
    assert {trial.index: trial.curve[-1].step for trial in history} == spent
    # How many depends on the order in which two workers report.
    assert sum(spent.values()) <= (0.75 if workers == 1 else 0.9) * epochs * budget
    for trial in history:
        assert spent[trial.index] == (3 if trial.status is TrialStatus.STOPPED else epochs)
        assert trial.status in (TrialStatus.STOPPED, TrialStatus.COMPLETED)
    # None of those that were stopped would have been better than the best.
    best = max(str(trial.architecture).count("conv_3x3") for trial in history)
    assert result.best is not None
    assert str(result.best.architecture).count("conv_3x3") == best
    assert result.best.metrics["accuracy"] == best * 10 + epochs - 1


@pytest.mark.slow
def test_real_trainings_are_stopped_and_are_not_taken_for_whole_ones(tmp_path: Path) -> None:
    result = bonag.search(
        space="nb201",
        evaluator="train",
        strategy="random",
        budget=14,
        executor="in-process",
        stop_early="asha",
        hyperparameters=["epochs=6", "images=256", "channels=4", "learning_rate=0.02", "warmup_epochs=0"],
        out=str(tmp_path),
    )
    by_status = {status: [t for t in result.history if t.status is status] for status in TrialStatus}
    stopped, completed = by_status[TrialStatus.STOPPED], by_status[TrialStatus.COMPLETED]
    assert len(stopped) + len(completed) == 14
    assert stopped
    assert {len(trial.curve) for trial in stopped} == {2}
    assert {len(trial.curve) for trial in completed} == {6}
    for trial in (*stopped, *completed):
        assert trial.metrics["accuracy"] == trial.curve[-1].metrics["accuracy"]
    assert stopped[0].reason == "stopped early, after step 2"
    assert result.best is not None
    assert result.best.metrics["accuracy"] == max(trial.metrics["accuracy"] for trial in completed)


def test_small_networks_go_on_where_size_is_a_goal_too(tmp_path: Path) -> None:
    """Nobody reports the size, but it is counted before a training starts."""

    def train(architecture: Any, trial: Any) -> dict[str, float]:
        accuracy = 0.0
        for epoch in trial.epochs(9):
            accuracy = epoch - float(str(architecture).count("none"))
            trial.report(accuracy=accuracy)
        return {"accuracy": accuracy}

    options: dict[str, Any] = {"space": "nb201", "strategy": "random", "budget": 24, "executor": "in-process"}
    result = bonag.search(
        **options, evaluator=train, objective=["accuracy", "-params"], stop_early="asha", out=str(tmp_path)
    )
    stopped = [trial for trial in result.history if trial.status is TrialStatus.STOPPED]
    smallest = min(result.history, key=lambda trial: trial.metrics["params"])
    assert stopped
    assert smallest.status is TrialStatus.COMPLETED
    for trial in stopped:
        rivals = [
            other
            for other in result.history
            if other.metrics["params"] <= trial.metrics["params"]
            and str(other.architecture).count("none") <= str(trial.architecture).count("none")
        ]
        assert len(rivals) > 1
        assert {point.metrics["params"] for point in trial.curve} == {trial.metrics["params"]}


def test_a_stopped_trial_keeps_no_state_behind_its_stop(tmp_path: Path) -> None:
    """Killed before its end is recorded, it comes by the step of its stop again, and is stopped there again."""

    def train(trial: RunningTrial) -> list[int]:
        trial.load()
        done = []
        for epoch in trial.epochs(9):
            done.append(epoch)
            trial.report(accuracy=0.5)
            trial.save({"epoch": epoch})
        return done

    def tell(step: int, metrics: Mapping[str, object]) -> bool:
        return step != 3

    assert train(RunningTrial(folder=tmp_path, tell=tell)) == [0, 1, 2]
    assert train(RunningTrial(folder=tmp_path, tell=tell)) == [2]
