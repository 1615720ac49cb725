"""The main job on a machine without any data: search, look, take the network along, ask and tell."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import bonag

BONAG = Path(sys.executable).with_name("bonag")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BONAG_DATA", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def say(*arguments: str) -> str:
    done = subprocess.run([str(BONAG), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_from_nothing_to_a_network_that_runs() -> None:
    said = say("run", "--space", "mbv3", "--budget", "14", "--name", "first")
    assert "evaluator surrogate on imagenet224" in said
    assert "finished: 14 trials of 14" in said
    rows = list(csv.DictReader(io.StringIO(say("trials", "first", "--csv"))))
    assert [row["status"] for row in rows] == ["completed"] * 14
    assert len({row["architecture"] for row in rows}) == 14
    # The guided proposals say how much their evaluation was expected to be worth.
    assert all(row["acquisition"] for row in rows[10:])
    best = json.loads(say("best", "first", "-k", "1", "--json"))["best"][0]
    assert best["metrics"]["accuracy"] == max(float(row["accuracy"]) for row in rows)

    say("export", "first", "--format", "python", "-o", "network.py", "--num-classes", "10")
    script = "import torch, network; print(network.build().eval()(torch.zeros(2, 3, 64, 64)).shape)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "torch.Size([2, 10])"


@pytest.mark.slow
def test_asking_and_telling_is_the_same_search(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    try:
        run = bonag.search("nb201", budget=13, seed=5, device="cpu", threads=1)
        assert torch.get_num_threads() == run.config.threads == 1
        values = {str(trial.architecture): dict(trial.metrics) for trial in run.history}
        asked = bonag.AskTell("nb201", seed=5, device="cpu", threads=1)
        for _ in range(13):
            ((index, architecture),) = asked.ask()
            asked.tell(index, values[str(architecture)])
    finally:
        torch.set_num_threads(threads)
    assert [t.architecture for t in asked.history] == [t.architecture for t in run.history]
    assert [t.provenance for t in asked.history] == [t.provenance for t in run.history]
    assert asked.best == run.best
