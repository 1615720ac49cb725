"""Several goals and constraints from Python: fronts, feasible bests, exact counts, resuming."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bonag
from loops.config_json import ADDED
from search_spaces import Architecture
from search_spaces.errors import UserError

Measure = Callable[[Architecture], float]
Table = Callable[[bonag.Result], pd.DataFrame]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def two(architecture: Architecture) -> dict[str, float]:
    """More kernels are better and slower; skips make up for some of the time."""
    text = str(architecture)
    return {"accuracy": 10.0 * text.count("conv") + len(text) % 7, "time": 3.0 * text.count("3x3") + text.count("1x1")}


def go(objective: Any, evaluator: Any = two, **options: Any) -> bonag.Result:
    return bonag.search("nb201", evaluator=evaluator, objective=objective, strategy="evolution", budget=40, **options)


@pytest.mark.slow
def test_of_several_goals_the_front_is_found() -> None:
    result = go(["accuracy", "-time"])
    trials = result.trials
    front = trials[trials.trial.isin([found.trial for found in result.front])]
    for _, row in front.iterrows():
        no_worse = (trials.accuracy >= row.accuracy) & (trials.time <= row.time)
        assert not (no_worse & ((trials.accuracy > row.accuracy) | (trials.time < row.time))).any()
    assert len(front) > 1
    assert result.best == result.front[0]
    assert result.best.metrics["accuracy"] == trials.accuracy.max()
    assert result.top(100) == result.front
    assert result.top(2)[0] == result.best
    assert len(result.top(2)) == 2
    assert f"front: {len(front)} trials" in repr(result)


@pytest.mark.slow
def test_the_best_meets_the_constraints_and_trials_say_who_does() -> None:
    result = go("accuracy", constraints=["time<=5"])
    assert result.best is not None
    assert (result.trials.feasible == (result.trials.time <= 5)).all()
    feasible = result.trials[result.trials.feasible.astype(bool)]
    assert 0 < len(feasible) < len(result.trials) == 40
    assert result.best.metrics["accuracy"] == feasible.accuracy.max()
    assert {found.trial for found in result.top(100)} == set(feasible.trial)
    assert result.nearest is None


@pytest.mark.slow
def test_while_nothing_meets_the_constraints_nothing_is_best() -> None:
    result = go("accuracy", constraints=["time<=-1"])
    assert result.best is None
    assert result.front == result.top(3) == []
    assert result.nearest is not None
    assert result.nearest.metrics["time"] == result.trials.time.min()


@pytest.mark.slow
def test_counts_are_exact_and_need_no_measurement(measure: Measure) -> None:
    result = go(["accuracy", "-params"], measure, constraints=["macs<=4e7"])
    for found in result.front:
        costs = result.space.costs(found.architecture)
        assert (found.metrics["params"], found.metrics["macs"]) == (costs.params, costs.macs)
        assert found.metrics["accuracy"] == measure(found.architecture)
        assert costs.macs <= 4e7


@pytest.mark.slow
def test_counts_of_the_evaluators_own_are_left_alone() -> None:
    result = go(["accuracy", "-params"], lambda architecture: {**two(architecture), "params": 7.0})
    assert set(result.trials.params) == {7.0}


@pytest.mark.slow
def test_several_metrics_must_be_told_by_name(measure: Measure) -> None:
    result = go(["accuracy", "-time"], measure, max_failures=1)
    assert result.history.trials[0].reason == "the evaluator returned float and not a mapping of metrics"
    search = bonag.AskTell("nb201", objective=["accuracy", "-time"], strategy="random")
    [(index, _)] = search.ask()
    with pytest.raises(UserError, match=r"trial 0 must be told by name: accuracy, time"):
        search.tell(index, 3.0)


@pytest.mark.slow
def test_ask_and_tell_is_the_run(table: Table) -> None:
    goals, constraints = ["accuracy", "-params"], ["time<=8"]
    result = go(goals, constraints=constraints)
    search = bonag.AskTell("nb201", objective=goals, constraints=constraints, strategy="evolution", path="told")
    for _ in range(40):
        [(index, architecture)] = search.ask()
        search.tell(index, two(architecture))
    assert search.front == result.front
    assert search.best == result.best
    search.close()
    assert table(bonag.load("told")).equals(table(result))


@pytest.mark.slow
def test_interrupted_and_resumed_it_is_as_if_nothing_had_happened(table: Table) -> None:
    whole = go(["accuracy", "-time"], constraints=["params<=1e6"], name="whole")

    class Enough(Exception):
        pass

    def stop(event: Any) -> None:
        if getattr(getattr(event, "trial", None), "index", 0) == 27:
            raise Enough

    with pytest.raises(Enough):
        go(["accuracy", "-time"], constraints=["params<=1e6"], name="parts", callbacks=[stop])
    assert table(bonag.resume("parts", evaluator=two)).equals(table(whole))


@pytest.mark.slow
def test_a_run_of_the_first_format_is_resumed(measure: Measure, table: Table) -> None:
    whole = bonag.search("nb201", evaluator=measure, strategy="evolution", budget=30, name="whole")
    bonag.search("nb201", evaluator=measure, strategy="evolution", budget=30, name="old")
    path = Path("results/old/config.json")
    values = json.loads(path.read_text())
    for name in {name for names in ADDED.values() for name in names}:
        del values[name]
    old = json.dumps(values | {"format": 1}, indent=2) + "\n"
    path.write_text(old)
    with sqlite3.connect("results/old/record.db") as database:
        database.execute("UPDATE bonag_runs SET config = ?, state = 'running'", [old])
        database.execute("DELETE FROM bonag_metrics WHERE trial >= 12")
        database.execute("DELETE FROM bonag_trials WHERE trial >= 12")
    database.close()
    assert len(bonag.load("old").history) == 12
    assert table(bonag.resume("old", evaluator=measure)).equals(table(whole))


@pytest.mark.parametrize(
    ("objective", "constraints", "message"),
    [
        (["accuracy", "-accuracy"], [], "metric 'accuracy' is an objective more than once: keep one"),
        (["accuracy", "-latency"], [], "measures no 'latency': choose from"),
        ("accuracy", ["latency<=3"], "measures no 'latency': choose from"),
        ("accuracy", ["macs<=1", "macs>=2"], "nothing can meet both 'macs>=2' and 'macs<=1'"),
        ("accuracy", "macs<=1", "constraints must be a list of strings, got 'macs<=1'"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_writes_nothing(objective: Any, constraints: Any, message: str) -> None:
    with pytest.raises(UserError) as refused:
        bonag.search("nb201", objective=objective, constraints=constraints, strategy="random", budget=3)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert os.listdir() == []
