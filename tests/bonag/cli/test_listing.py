from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bonag
from bonag.record import Address, open_record
from bonag.record.rows import update_run
from search_spaces import Architecture

Call = Callable[..., Any]
KNOWN = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"


def value(architecture: Architecture) -> float:
    return float(str(architecture).count("3x3"))


def search(name: str, out: str = "results", **options: object) -> bonag.Result:
    options = {"strategy": "random", "executor": "in-process", "budget": 3, "evaluator": value, **options}
    return bonag.search("nb201", name=name, out=out, **options)


def made_at(folder: str, seconds: float) -> None:
    with open_record(Path(folder)) as record:
        record._write(lambda connection: update_run(connection, record.config.name, created_at=seconds))


def test_runs_have_a_line_each_the_newest_last(call: Call) -> None:
    Path("known.csv").write_text(f"architecture,accuracy\n{KNOWN},0.5\n")
    search("older", known=["known.csv"], seed=1)
    search("newer", out="results/below", strategy="evolution", objective=["accuracy", "-macs"])
    made_at("results/older", 1e9)
    lines = call("list").out.splitlines()
    assert lines[0].split() == ["run", "state", "space", "evaluator", "objective", "trials", "best", "age"]
    assert lines[1].startswith("older        finished  nb201  ")
    assert "3/3 + 1 known" in lines[1]
    assert lines[2].startswith("below/newer  finished  nb201  ")
    assert "accuracy, -macs" in lines[2]
    (older, newer) = json.loads(call("list", "results", "--json").out)
    result = bonag.load("older")
    assert older == older | {
        "run": "older",
        "path": "results/older",
        "state": "finished",
        "space": "nb201",
        "objective": "accuracy",
        "trials": 4,
        "queries": 3,
        "known": 1,
        "completed": 4,
        "running": 0,
        "best": result.best.metrics["accuracy"],  # type: ignore[union-attr]
        "created": "2001-09-09T01:46:40+00:00",
        "problem": None,
    }
    assert (newer["run"], newer["objective"], newer["known"]) == ("below/newer", ["accuracy", "-macs"], 0)


def test_a_damaged_run_is_a_line_with_its_error(call: Call) -> None:
    search("good")
    shutil.copytree("results/good", "results/bad")
    Path("results/bad/record.db").write_text("nothing")
    shutil.copytree("results/good", "results/worse")
    Path("results/worse/config.json").write_text("{")
    said = call("list")
    assert said.status == 0
    lines = {line.split()[0]: line for line in said.out.splitlines()}
    assert "finished" in lines["good"]
    assert "unreadable  results/bad/record.db is damaged" in lines["bad"]
    assert "unreadable  results/worse/config.json: not JSON" in lines["worse"]
    values = {one["run"]: one for one in json.loads(call("list", "--json").out)}
    assert values["bad"]["state"] is None
    assert "is damaged" in values["bad"]["problem"]


def test_where_no_run_is(call: Call) -> None:
    said = call("list")
    assert (said.status, said.out) == (0, "no run in results; what runs are made of: bonag list parts\n")
    assert "nowhere is no folder" in call("list", "nowhere").err
    assert "the record's address must be like postgresql://" in call("list", "mysql://x").err


def test_the_runs_of_a_database(call: Call, postgres_url: Callable[[], str]) -> None:
    url = postgres_url()
    search("first", record=url)
    search("second", record=url)
    listed = json.loads(call("list", url, "--json").out)
    assert [(one["run"], one["state"], one["completed"]) for one in listed] == [
        ("first", "finished", 3),
        ("second", "finished", 3),
    ]
    assert {one["path"] for one in listed} == {Address.parse(url).public}
    # Their folders say where the record is.
    assert [one["run"] for one in json.loads(call("list", "--json").out)] == ["first", "second"]


def test_what_is_listed_does_not_read_histories(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    search("one")
    monkeypatch.setattr("bonag.record.rows.read_history", None)
    assert "one  finished" in call("list").out
