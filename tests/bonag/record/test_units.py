"""The units that an evaluator tells are kept with its run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import bonag
from bonag.evaluators.registry import told_units, units_of_run
from bonag.record import create_record, open_record, read_record
from loops.config import RunConfig
from search_spaces.errors import UserError


def test_a_record_keeps_units_and_one_of_version_5_has_none(
    tmp_path: Path, config: RunConfig, make_older: Callable[[Path, int], None]
) -> None:
    create_record(tmp_path, config, "", units={"latency": "s"}).close()
    assert read_record(tmp_path / "a-run").units == {"latency": "s"}
    make_older(tmp_path / "a-run", 5)
    assert read_record(tmp_path / "a-run").units == {}
    open_record(tmp_path / "a-run").close()


def test_only_own_accuracies_are_known_to_be_in_per_cent() -> None:
    own = RunConfig(name="a", space="nb201", evaluator="surrogate")
    metrics = ("accuracy", "accuracy_sd", "params")
    assert units_of_run(own, {}, metrics) == {"accuracy": "%", "accuracy_sd": "%"}
    theirs = RunConfig(name="a", space="nb201", evaluator="python:mine.train")
    assert units_of_run(theirs, {}, metrics) == {"accuracy": "", "accuracy_sd": ""}
    assert units_of_run(theirs, {"accuracy": "points"}, metrics)["accuracy"] == "points"


def test_a_function_tells_units_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    def train(architecture: object) -> dict[str, float]:
        return {"accuracy": 93.0}

    train.units = {"accuracy": "points"}  # type: ignore[attr-defined]
    options = {"space": "nb201", "strategy": "random", "executor": "in-process", "out": tmp_path}
    result = bonag.search(evaluator=train, budget=1, name="told", **options)  # type: ignore[arg-type]
    assert result.units["accuracy"] == "points"
    with pytest.raises(UserError, match="a word for each metric"):
        told_units(type("Evaluator", (), {"units": {"accuracy": 1}}))
