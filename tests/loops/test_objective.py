"""What is better than what: one goal, several, and bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loops.history import History, Trial, TrialStatus
from loops.objective import Constraint, Goal, Objective

# Few different values, so that ties and equal rows are frequent.
ROWS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12)
OBJECTIVES = (
    Objective.parse("a"),
    Objective.parse("-a", ["b<=2"]),
    Objective.parse("a", ["b<=2", "c>=1", "b>=1"]),
    Objective.parse(["a", "-b"]),
    Objective.parse(["a", "-b", "c"]),
    Objective.parse(["a", "-b"], ["c<=1", "a>=1"]),
)


def history_of(rows: list[tuple[int, ...]]) -> History:
    return History(
        Trial(i, str(i), TrialStatus.COMPLETED, {name: float(v) for name, v in zip("abc", row, strict=True)})  # type: ignore[arg-type]
        for i, row in enumerate(rows)
    )


def dominates(x: np.ndarray, y: np.ndarray) -> bool:
    return bool((x >= y).all() and (x > y).any())


@pytest.mark.parametrize("text", ["accuracy", "-latency_pixel3", "+latency_pixel3", "-a.b-c"])
def test_a_goal_reads_back(text: str) -> None:
    assert str(Goal.parse(text)) == text
    assert Goal.parse(text).sign == (-1 if text.startswith("-") else 1)


COSTS = (
    "params",
    "macs",
    "latency_note10",
    "latency",
    "memory",
    "training_time",
    "loss",
    "validation_loss",
    "perplexity",
)


@pytest.mark.parametrize("metric", COSTS)
def test_a_cost_is_not_maximised_unless_somebody_says_so(metric: str) -> None:
    with pytest.raises(ValueError, match=rf"it is a cost: write -{metric} to minimise it, or \+{metric}"):
        Objective.parse(["accuracy", metric])
    assert Goal.parse(f"-{metric}").sign == -1
    assert Goal.parse(f"+{metric}") == Goal(metric)
    assert str(Goal.parse("+accuracy")) == "accuracy"


@pytest.mark.parametrize("text", ["latency_pixel3<=8", "accuracy>=93.25", "params<=1e+30", "loss>=-0.1", "a<=-3"])
def test_a_constraint_reads_back(text: str) -> None:
    constraint = Constraint.parse(text)
    assert str(constraint) == text
    assert Constraint.parse(f" {text.replace('=', '= ')} ") == constraint


@pytest.mark.parametrize("bound", [0.1, 1 / 3, 1e-12, 2**60 + 0.0, -7.0])
def test_no_digit_of_a_bound_is_lost(bound: float) -> None:
    assert Constraint.parse(str(Constraint("a", "<=", bound))).bound == bound


def test_a_bound_may_be_touched() -> None:
    values = np.array([7.0, 8.0, np.nextafter(8, 9)])
    assert list(Constraint.parse("a<=8").slack(values) >= 0) == [True, True, False]
    assert list(Constraint.parse("a>=8").slack(values) >= 0) == [False, True, True]


@pytest.mark.parametrize(
    ("text", "known", "bound"),
    [
        ("ms<=3", [1, 3, 3, 5, 9], 4),
        ("ms>=3", [1, 3, 3, 5, 9], 2),
        ("ms<=3", [1, 2, 5], 3),
        ("ms<=3", [1, 2, 3], 3),
        ("ms<=3", [], 3),
    ],
)
def test_a_bound_that_known_values_touch_ends_before_the_next_one(text: str, known: list[int], bound: float) -> None:
    assert Constraint.parse(text).past_ties(np.array(known, dtype=float)) == bound


@pytest.mark.parametrize(
    ("goals", "constraints", "message"),
    [
        ("--a", [], "is not a metric name"),
        (["a", ""], [], "is not a metric name"),
        ([], [], "needs a metric"),
        (["a", "-a"], [], "'a' is an objective more than once"),
        ("a", ["b<8"], "'b<8' is not a metric with <= or >="),
        ("a", ["b<=eight"], "'eight' is not a number"),
        ("a", ["b<=nan"], "'nan' is not a number"),
        ("a", ["b<=8", "b<=9"], "'b' has more than one bound with <="),
        ("a", ["b<=8", "b>=9"], "nothing can meet both 'b>=9' and 'b<=8'"),
    ],
)
def test_what_makes_no_sense_is_told(goals: str | list[str], constraints: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Objective.parse(goals, constraints)


def test_an_objective_names_its_metrics_once_goals_first() -> None:
    objective = Objective.parse(["accuracy", "-latency"], ["params<=1e6", "latency<=8"])
    assert objective.metrics == ("accuracy", "latency", "params")
    assert str(objective) == "accuracy, -latency subject to params<=1000000, latency<=8"
    assert not objective.single
    assert Objective.parse("accuracy").single
    with pytest.raises(ValueError, match="several goals"):
        _ = objective.goal


@given(ROWS)
def test_one_goal_is_selected_by_its_value(rows: list[tuple[int, ...]]) -> None:
    history = history_of(rows)
    assert (Objective.parse("-a").scores(history) == -history.values("a")).all()


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
@given(rows=ROWS)
def test_scores_order_by_feasibility_then_dominance(objective: Objective, rows: list[tuple[int, ...]]) -> None:
    history = history_of(rows)
    scores, feasible = objective.scores(history), objective.feasible(history)
    values, violation = objective.values(history), objective.violation(history)
    assert np.isfinite(scores).all()
    assert list(feasible) == [objective.admits(trial) for trial in history.completed] == list(violation == 0)
    for i in range(len(rows)):
        for j in range(len(rows)):
            if feasible[i]:
                better = not feasible[j] or dominates(values[i], values[j])
            else:
                better = violation[i] < violation[j] and not feasible[j]
            assert not better or scores[i] > scores[j]


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
@given(rows=ROWS)
def test_the_front_is_feasible_and_not_dominated(objective: Objective, rows: list[tuple[int, ...]]) -> None:
    history = history_of(rows)
    front = {trial.index for trial in objective.front(history)}
    feasible, values = objective.feasible(history), objective.values(history)
    for i in range(len(rows)):
        beaten = any(feasible[j] and dominates(values[j], values[i]) for j in range(len(rows)))
        assert (i in front) == (feasible[i] and not beaten)
    best = objective.best(history)[0]
    assert not front or best.index in front


def test_nothing_completed_is_no_reason_to_fail() -> None:
    for objective in OBJECTIVES:
        assert len(objective.scores(History())) == 0
        assert objective.best(History()) == objective.front(History()) == []
