"""A search of recurrent cells on a text, from the command line to the network that is handed over."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

import bonag
from bonag.api.testing import test as measure_on_test_part
from bonag.cli import main


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "letters.txt"
    path.write_text("the quick brown fox jumps over the lazy dog\n" * 60)
    return path


SHORT = ("epochs=2", "embedding=8", "batch_size=8", "length=20")


@pytest.mark.slow
@pytest.mark.numeric
def test_a_search_on_a_text_minimises_perplexity(text, tmp_path):
    result = bonag.search(
        space="nlp", evaluator="train", dataset=str(text), hyperparameters=SHORT, budget=7, executor="in-process",
        out=tmp_path, name="cells",
    )  # fmt: skip
    assert result.config.objective == "-perplexity"
    done = [trial for trial in result.history if "perplexity" in trial.metrics]
    assert result.best.metrics["perplexity"] == min(trial.metrics["perplexity"] for trial in done)
    assert [len(trial.curve) for trial in done[:2]] == [2, 2]
    assert {trial.provenance["origin"] for trial in result.history} == {"initial", "guided"}
    tested = measure_on_test_part(result.path)
    assert (tested.metric, tested.unit, tested.examples) == ("perplexity", "characters", 264)
    assert 1 < tested.value < 40
    assert math.isnan(tested.accuracy)


def status(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code or 0


@pytest.mark.slow
def test_the_command_line_goes_all_the_way(text, tmp_path, capsys):
    settings = [word for one in SHORT for word in ("--hyperparameter", one)]
    run = ["run", "--space", "nlp", "--evaluator", "train", "--dataset", str(text), *settings, "--budget", "2"]
    where = ["--strategy", "random", "--out", str(tmp_path), "--name", "r", "--executor", "in-process"]
    assert status(*run, *where) == 0
    folder = str(tmp_path / "r")
    capsys.readouterr()
    assert status("test", folder, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["perplexity"] > 1
    assert told["characters"] == 264
    assert status("test", folder, "--epochs", "1") == 0
    assert "trained for 1 epochs on the training and validation part of letters.txt" in capsys.readouterr().out
    for format, name in (("state-dict", "best.safetensors"), ("python", "best.py")):
        assert status("export", folder, "--format", format, "-o", str(tmp_path / name)) == 0
    done = subprocess.run([sys.executable, str(tmp_path / "best.py")], capture_output=True, text=True, check=True)
    assert "logits (1, 29)" in done.stdout
    assert status("run", "--space", "nlp", "--evaluator", "train", "--budget", "2", "--out", str(tmp_path)) == 2
    assert "learn a text: give one by --dataset FILE.txt" in capsys.readouterr().err
