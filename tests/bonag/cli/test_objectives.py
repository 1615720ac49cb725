"""Several objectives and constraints on the command line."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bonag

Call = Callable[..., Any]
RUN = ("run", "--space", "nb201", "--evaluator", "table", "--strategy", "evolution", "--budget", "40")
pytestmark = pytest.mark.usefixtures("tables")


@pytest.mark.slow
@pytest.mark.parametrize("minimised", [("--objective=-latency_pixel3",), ("--objective", "-latency_pixel3")])
def test_the_front_is_shown(call: Call, minimised: tuple[str, ...]) -> None:
    said = call(*RUN, "--objective", "accuracy", *minimised, "--name", "two")
    result = bonag.load("two")
    assert said.status == 0
    assert "objective accuracy, -latency_pixel3, strategy evolution" in said.out
    ends = [[found.metrics[name] for found in result.front] for name in ("accuracy", "latency_pixel3")]
    spans = [f"{min(values):.6g} to {max(values):.6g}" for values in ends]
    assert f"front of {len(result.front)} trials: accuracy {spans[0]} %, latency_pixel3 {spans[1]} ms" in said.out
    lines = call("best", "two").out.splitlines()
    assert [line.strip() for line in lines[1::2]] == [str(found.architecture) for found in result.front]
    assert "latency_pixel3" in lines[0]
    assert len(call("best", "two", "-k", "1").out.splitlines()) == 2
    data = json.loads(call("best", "two", "--json").out)
    assert set(data) == {"run", "objective", "constraints", "best"}
    assert data["objective"] == ["accuracy", "-latency_pixel3"]
    assert [found["trial"] for found in data["best"]] == [found.trial for found in result.front]
    assert json.loads(call("status", "two", "--json").out)["front"] == [found.trial for found in result.front]
    assert re.split(r" {2,}", call("trials", "two").out.splitlines()[0]) == [
        "trial", "status", "accuracy (%)", "latency_pixel3 (ms)", "architecture",
    ]  # fmt: skip


def test_a_cost_without_a_sign_is_refused_by_every_way_in(call: Call) -> None:
    refusal = "objective 'latency_pixel3' would be maximised, and it is a cost: write -latency_pixel3 to minimise it"
    Path("run.yaml").write_text("space: nb201\nobjective: [accuracy, latency_pixel3]\n")
    for command in ((*RUN, "--objective", "latency_pixel3"), ("run", "--config", "run.yaml")):
        said = call(*command)
        assert (said.status, said.out) == (2, "")
        assert said.err.startswith(f"error: {refusal}")
    for way in (bonag.search, bonag.AskTell):
        with pytest.raises(bonag.UserError, match=refusal):
            way("nb201", objective="latency_pixel3")
    assert [path.name for path in Path().iterdir()] == ["run.yaml"]


def test_an_earlier_run_that_maximised_a_cost_is_read_and_gone_on_with(call: Call) -> None:
    assert call(*RUN, "--objective", "+latency_pixel3", "--budget", "6", "--name", "old").status == 0
    path = Path("results/old/config.json")
    path.write_text(path.read_text().replace("+latency_pixel3", "latency_pixel3"))
    with sqlite3.connect("results/old/record.db") as connection:
        connection.execute("UPDATE bonag_runs SET config = ?", [path.read_text()])
    connection.close()
    said = call("resume", "old", "--budget", "9")
    assert (said.status, said.err) == (0, "")
    result = bonag.load("old")
    assert result.best is not None
    assert result.best.metrics["latency_pixel3"] == max(trial.metrics["latency_pixel3"] for trial in result.history)
    assert len(result.history) == 9


def test_trials_that_break_a_constraint_are_marked_and_never_the_best(call: Call) -> None:
    said = call(*RUN, "--constraint", "latency_pixel3<=8", "--constraint", "params<=4e5", "--name", "bounded")
    result = bonag.load("bounded")
    assert "accuracy subject to latency_pixel3<=8, params<=400000" in said.out
    infeasible = result.trials[~result.trials.feasible.astype(bool)]
    assert 0 < len(infeasible) < 40
    marked = [line for line in call("trials", "bounded").out.splitlines() if line.endswith("(infeasible)")]
    assert [int(line.split()[0]) for line in marked] == list(infeasible.trial)
    rows = list(csv.DictReader(io.StringIO(call("trials", "bounded", "--csv").out)))
    assert [row["feasible"] for row in rows].count("False") == len(infeasible)
    data = json.loads(call("status", "bounded", "--json").out)
    assert data["infeasible"] == len(infeasible)
    assert data["constraints"] == ["latency_pixel3<=8", "params<=4e5"]
    assert data["best"]["metrics"]["latency_pixel3"] <= 8


@pytest.mark.slow
def test_where_nothing_meets_the_constraints_the_nearest_is_named(call: Call) -> None:
    said = call(*RUN, "--constraint", "latency_pixel3<=-1", "--name", "hopeless")
    assert said.status == 0
    assert "no trial meets latency_pixel3<=-1; the nearest is trial" in said.out
    assert "bonag export" not in said.out
    assert call("best", "hopeless").out.startswith("no trial meets latency_pixel3<=-1; the nearest is trial")
    assert json.loads(call("best", "hopeless", "--json").out)["best"] == []
    assert json.loads(call("status", "hopeless", "--json").out)["best"] is None
    refused = call("export", "hopeless", "--format", "python", "-o", "x.py")
    assert (refused.status, "no trial that meets the constraints" in refused.err) == (2, True)
