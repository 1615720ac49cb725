"""`bonag train-supernet` as users call it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

import bonag
from search_spaces.mbv3.supernet import load_supernet

Call = Callable[..., Any]
Spawn = Callable[..., subprocess.Popen[str]]
TRAIN = ("train-supernet", "--space", "mbv3", "--device", "cpu", "--dataset", "halves.npz", "--width", "0.05")
SHORT = ("epochs=1", "batch_size=32", "subnets=1", "warmup_epochs=0", "validation_images=10")


def settings(*texts: str) -> list[str]:
    return [part for text in texts for part in ("--hyperparameter", text)]


@pytest.fixture(autouse=True)
def halves(elsewhere: Path) -> None:
    """A data set of two classes."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    pixels = rng.integers(0, 60, (120, 16, 16), dtype=np.uint8)
    pixels[labels == 1, :8] += 190
    np.savez(elsewhere / "halves.npz", x=pixels, y=labels)


@pytest.mark.slow
def test_the_file_is_a_supernet_that_says_what_it_is_and_its_curve_lies_beside_it(call: Call) -> None:
    said = call(*TRAIN, *settings(*SHORT), "--method", "sandwich", "-o", "mine.safetensors")
    assert (said.status, said.err) == (0, "")
    assert re.search(
        r"epoch 1 \(sandwich\): loss [\d.]+; smallest [\d.]+ %, random [\d.]+ %, largest [\d.]+ %", said.out
    )
    assert "bonag run --space mbv3 --evaluator supernet --supernet mine.safetensors --dataset halves.npz" in said.out
    supernet = load_supernet(Path("mine.safetensors"))
    assert (supernet.width, supernet.num_classes) == (0.05, 2)
    facts = supernet.facts
    assert {facts[name] for name in ("num_classes", "epochs", "image_size")} == {"2", "1", "16"}
    assert (facts["dataset"], facts["width"], facts["method"]) == ("halves.npz", "0.05", "sandwich")
    assert facts["weights"].startswith("supernet")
    assert [len(json.loads(facts[name])) for name in ("mean", "stddev")] == [3, 3]
    table = pd.read_csv("mine.csv")
    assert list(table) == ["epoch", "phase", "seconds", "loss", "smallest", "largest", "random"]
    assert len(table) == 1
    assert "validation images" in Path("mine.svg").read_text()
    assert sorted(path.name for path in Path().iterdir()) == ["halves.npz", "mine.csv", "mine.safetensors", "mine.svg"]

    again = call(*TRAIN, "-o", "mine.safetensors")
    assert (again.status, again.out) == (2, "")
    assert "mine.safetensors is there already: choose another name, or delete it" in again.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--space", "nb201"], "space 'nb201' has no supernet to train: choose 'mbv3'"),
        (["--method", "sandwhich"], "unknown method 'sandwhich': did you mean 'sandwich'"),
        (["--preset", "ofa"], "unknown preset 'ofa'"),
        (["--width", "0"], "the width of mbv3 networks must be from 0.05 to 10, not 0"),
        (["--hyperparameter", "width=2"], "unknown hyperparameter 'width'"),
        (["--hyperparameter", "epochs"], "hyperparameter 'epochs' must be name=value"),
        (["--dataset", "fashion-mnst"], "no data set 'fashion-mnst': did you mean 'fashion-mnist'"),
        (["--seed", "-1"], "seed must be at least 0, not -1"),
        (["-o", "mine.pt"], "mine.pt must end in .safetensors"),
        (["-o", "nowhere/mine.safetensors"], "cannot write nowhere/mine.safetensors: No such file or directory"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_gets_one_line_and_nothing_is_written(call: Call, options: list[str], message: str) -> None:
    said = call(*TRAIN, "-o", "mine.safetensors", *options)
    assert (said.status, said.out) == (2, "")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["halves.npz"]


@pytest.mark.slow
def test_the_same_call_goes_on_where_it_was_interrupted_and_another_one_is_refused() -> None:
    given = {"dataset": "halves.npz", "width": 0.05, "hyperparameters": SHORT}

    def stop(progress: Any) -> None:
        raise KeyboardInterrupt

    bonag.train_supernet("mbv3", "whole.safetensors", **given)
    with pytest.raises(KeyboardInterrupt):
        bonag.train_supernet("mbv3", "mine.safetensors", report=stop, **given)
    assert Path("mine.safetensors.checkpoint").is_file()
    with pytest.raises(bonag.UserError, match=r"checkpoint of a training with method shrinking, not sandwich"):
        bonag.train_supernet("mbv3", "mine.safetensors", method="sandwich", **given)
    steps: list[int] = []
    done = bonag.train_supernet(
        "mbv3", "mine.safetensors", report=lambda progress: steps.append(progress.step), **given
    )
    assert steps == [2]
    assert not Path("mine.safetensors.checkpoint").exists()
    assert len(done.curve) == 1
    with safe_open("whole.safetensors", "pt") as whole, safe_open("mine.safetensors", "pt") as mine:
        for key in whole.keys():  # noqa: SIM118
            assert whole.get_tensor(key).equal(mine.get_tensor(key)), key


def test_a_checkpoint_that_is_damaged_gets_one_line(call: Call) -> None:
    Path("mine.safetensors.checkpoint").write_bytes(b"PK\x03\x04 no checkpoint")
    said = call(*TRAIN, "-o", "mine.safetensors")
    assert (said.status, said.out) == (2, "")
    assert "mine.safetensors.checkpoint is not a readable checkpoint" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.slow
def test_a_command_that_is_interrupted_says_how_to_go_on_and_its_networks_can_be_searched(
    spawn: Spawn, call: Call
) -> None:
    command = (*TRAIN, *settings("epochs=12", "batch_size=32", "learning_rate=0.01"), "-o", "mine.safetensors")
    process = spawn(*command)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 3"):
            process.send_signal(signal.SIGINT)
            break
    _, err = process.communicate()
    assert process.returncode == 130
    assert "go on by the same command (mine.safetensors.checkpoint)" in err
    said = call(*command)
    assert said.status == 0
    assert "going on from mine.safetensors.checkpoint" in said.out
    assert "epoch 12" in said.out
    assert "epoch 2 " not in said.out
    run = call(
        "run", "--space", "mbv3", "--evaluator", "supernet", "--supernet", "mine.safetensors", "--dataset",
        "halves.npz",
        "--budget", "6", "--strategy", "evolution", "--name", "found",
    )  # fmt: skip
    assert run.status == 0, run.err
    best = json.loads(call("best", "found", "--json").out)["best"][0]
    assert best["metrics"]["accuracy"] > 90
