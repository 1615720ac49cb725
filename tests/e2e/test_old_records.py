"""Runs that bonag 0.1.0 made (``tests/records/0.1.0``) open, resume and show."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bonag
from loops.ending import RunState
from search_spaces import Architecture

RECORDS = Path(__file__).parents[1] / "records" / "0.1.0"


def measure(architecture: Architecture) -> float:
    """Convolutions of the cell, weighted by their place: what evaluated the run, exact on every machine."""
    edges = enumerate(str(architecture).split("|"))
    return float(sum((place + 1) * ("conv" in edge) + ("3x3" in edge) for place, edge in edges))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A copy of the runs."""
    return Path(shutil.copytree(RECORDS, tmp_path / "results"))


@pytest.mark.slow
def test_a_run_that_was_interrupted_goes_on_as_it_would_have(runs: Path) -> None:
    old = bonag.load(runs / "interrupted")
    assert (old.state, old.config.bonag, old.config.generator) == (RunState.INTERRUPTED, "0.1.0", None)
    assert 0 < len(old.history) < 30
    resumed = bonag.resume(runs / "interrupted", evaluator=measure)
    whole = bonag.search(
        "nb201", evaluator=measure, strategy="evolution", objective=["accuracy", "-params"],
        constraints=["macs<=1.5e8"], budget=30, out=runs, name="whole",
    )  # fmt: skip
    columns = ["architecture", "status", "accuracy", "params", "macs", "origin"]
    assert resumed.state is RunState.FINISHED
    assert resumed.trials[columns].equals(whole.trials[columns])


@pytest.mark.slow
@pytest.mark.parametrize("command", [["status", "--json"], ["best", "--json"], ["trials", "--csv"]])
def test_a_finished_run_is_shown(runs: Path, command: list[str]) -> None:
    name, *options = command
    done = subprocess.run(
        [sys.executable, "-m", "bonag", name, str(runs / "guided"), *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    if name == "status":
        assert json.loads(done.stdout)["completed"] == 12
    else:
        assert str(bonag.load(runs / "guided").best.architecture) in done.stdout  # type: ignore[union-attr]
