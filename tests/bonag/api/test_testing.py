"""A trained network is measured on images that nothing else touches, after further training if that is asked for."""

from __future__ import annotations

import doctest
import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from safetensors.torch import load_file

import bonag
from bonag.cli import main
from bonag.evaluators import make_evaluator
from bonag.record import create_record
from bonag.running_trial import RunningTrial
from bonag.training.datasets import load_dataset
from bonag.training.measuring import Pixels, measure
from bonag.training.weights import read_trained, trial_file
from loops.config import RunConfig
from loops.history import Trial, TrialStatus
from search_spaces import get_space
from search_spaces.errors import UserError

SETTINGS = ("epochs=3", "channels=4", "batch_size=16")
CELLS = (
    "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_3x3~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
)


def make_run(out: Path, evaluator: str = "train") -> Path:
    """Two trained trials, as a search leaves them."""
    space = get_space("nb201")
    settings = {"dataset": "digits", "preset": "quick", "hyperparameters": SETTINGS} if evaluator == "train" else {}
    made = make_evaluator(space, evaluator, settings=settings)
    config = RunConfig(name="run", space="nb201", evaluator=evaluator, budget=2, **settings)  # type: ignore[arg-type]
    record = create_record(out, config, made.description)
    try:
        for index, cell in enumerate(CELLS if evaluator == "train" else ()):
            trial = Trial(index, space.parse(cell), TrialStatus.RUNNING)
            record.add([trial])
            folder = trial_file(record.path, index).parent
            metrics = made.evaluate(trial.architecture, RunningTrial(index, seed=index, space=space, folder=folder))
            record.finish(replace(trial, status=TrialStatus.COMPLETED, metrics=dict(metrics)))
    finally:
        record.close()
    return out / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs"))


def test_accuracy(run, index):
    trained = read_trained(trial_file(run, index), get_space("nb201"))
    pixels = Pixels(trained.mean, trained.stddev, trained.image_size)
    return measure(trained.build(), load_dataset("digits").test, pixels)


test_accuracy.__test__ = False  # type: ignore[attr-defined]


def test_the_best_network_of_the_search_is_measured_on_the_test_images(run):
    tested = bonag.test(run)
    assert (tested.trial, tested.images, tested.epochs, tested.retrained) == (0, 359, 3, False)
    assert tested.accuracy == test_accuracy(run, 0) > 30
    assert tested.path == trial_file(run, 0)
    assert bonag.test(run, 1).accuracy == test_accuracy(run, 1) < 30


@pytest.mark.slow
def test_it_is_trained_longer_on_all_images_but_those_of_the_test(run, tmp_path):
    seen = []
    path = tmp_path / "longer.safetensors"
    before = trial_file(run, 0).read_bytes()
    longer = bonag.test(run, epochs=4, output=path, report=lambda *told: seen.append(told))
    assert (longer.epochs, longer.retrained, longer.path) == (4, True, path)
    assert [(epoch, epochs) for epoch, epochs, _ in seen] == [(epoch, 4) for epoch in range(1, 5)]
    assert all(metrics.keys() == {"loss"} for _, _, metrics in seen)
    assert trial_file(run, 0).read_bytes() == before, "the network of the search was changed"
    trained = read_trained(path, get_space("nb201"))
    pixels = Pixels(trained.mean, trained.stddev, trained.image_size)
    assert measure(trained.build(), load_dataset("digits").test, pixels) == longer.accuracy


def test_other_settings_make_another_network(run, tmp_path):
    path = tmp_path / "wide.safetensors"
    tested = bonag.test(run, epochs=1, hyperparameters=["channels=8", "images=200"], output=path)
    assert tested.epochs == 1
    assert read_trained(path, get_space("nb201")).arguments == {"channels": 8, "cells": 1}


@pytest.mark.slow
def test_the_command_says_it_in_words_and_in_json(run, tmp_path, capsys):
    path = tmp_path / "best.safetensors"
    with pytest.raises(SystemExit) as ended:
        main(["test", str(run), "-o", str(path)])
    assert not ended.value.code
    text = capsys.readouterr().out
    assert f"test accuracy {test_accuracy(run, 0):.2f} % of 359 images" in text
    assert load_file(path).keys() == load_file(trial_file(run, 0)).keys()
    with pytest.raises(SystemExit):
        main(["test", str(run), "--trial", "1", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["accuracy"] == test_accuracy(run, 1)
    assert (said["trial"], said["architecture"], said["dataset"], said["epochs"]) == (1, CELLS[1], "digits", 3)


def test_what_cannot_be_tested_gets_one_line(run, tmp_path):
    other = make_run(tmp_path, "surrogate")
    with pytest.raises(UserError, match="its evaluator is 'surrogate', and it must be 'train'"):
        bonag.test(other)
    for arguments, words in (
        ({"trial": 7}, "has no trial 7: its 2 trials"),
        ({"epochs": 0}, "'epochs' must be from 1"),
        ({"preset": "slow"}, "unknown preset 'slow'"),
        ({"output": tmp_path}, "is a folder"),
    ):
        with pytest.raises(UserError, match=words) as error:
            bonag.test(run, **arguments)
        assert "\n" not in str(error.value)
    bare = copytree(run, tmp_path / "bare")
    trial_file(bare, 1).unlink()
    with pytest.raises(UserError, match="trial 1 of run 'run' has no trained network: choose another one"):
        bonag.test(bare, 1)
    damaged = trial_file(bare, 0)
    damaged.write_bytes(damaged.read_bytes()[:300])
    with pytest.raises(UserError, match="holds no network that bonag trained"):
        bonag.test(bare, 0)


@pytest.mark.slow
def test_the_choice_of_the_best_saw_no_test_image(run, monkeypatch):
    """Whoever trains gets by without the test images."""
    dataset = load_dataset("digits")
    blind = replace(dataset, test=dataset.test.take(np.empty(0)))
    space = get_space("nb201")
    evaluator = make_evaluator(space, "train", settings={"hyperparameters": SETTINGS})
    monkeypatch.setattr(type(evaluator), "images", lambda self: blind)
    expected = bonag.load(run).history.trials[0].metrics
    assert evaluator.evaluate(space.parse(CELLS[0]), RunningTrial(seed=0)) == expected


@pytest.mark.parametrize("format", ["state-dict", "python", pytest.param("onnx", marks=pytest.mark.slow)])
def test_exports_hold_the_trained_weights(run, tmp_path, capsys, format):
    import torch

    path = tmp_path / f"network.{format}"
    with pytest.raises(SystemExit) as ended:
        main(["export", str(run), "--format", format, "-o", str(path)])
    assert not ended.value.code
    said = capsys.readouterr().out
    assert "RANDOM" not in said
    images = torch.rand(3, 3, 8, 8)
    expected = read_trained(trial_file(run, 0), get_space("nb201")).build()(images).detach()
    assert float(expected.std()) > 0.1
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        (logits,) = session.run(None, {"images": images.numpy()})
        assert np.abs(logits - expected.numpy()).max() < 1e-4
        assert session.get_modelmeta().custom_metadata_map["dataset"] == "digits"
        return
    # The lines that the command prints do what they say.
    lines = [line.strip() for line in said.split("load it by\n")[1].splitlines()]
    names: dict[str, object] = {name: __import__(name) for name in ("runpy", "safetensors.torch", "search_spaces")}
    names["safetensors"] = __import__("safetensors.torch")
    for line in lines:
        exec(line.replace("WEIGHTS.safetensors", str(trial_file(run, 0))), names)
    network = names["network"]
    assert torch.allclose(network.eval()(images), expected, atol=1e-6)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_what_was_trained_longer_is_exported(run, tmp_path, capsys):
    longer, path = tmp_path / "longer.safetensors", tmp_path / "out.safetensors"
    bonag.test(run, epochs=2, hyperparameters=["images=200"], output=longer)
    with pytest.raises(SystemExit):
        main(["export", str(run), "--format", "state-dict", "-o", str(path), "--weights", str(longer)])
    one, other = load_file(longer), load_file(path)
    assert all(one[name].equal(other[name]) for name in one)
    for arguments, words in (
        (["--trial", "1"], "of another architecture"),
        (["--num-classes", "4"], "10 classes apart"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["export", str(run), "--format", "state-dict", "-o", str(path), "--weights", str(longer), *arguments])
        assert ended.value.code == 2
        assert words in capsys.readouterr().err


def test_random_weights_are_announced(run, tmp_path, capsys):
    run = copytree(run, tmp_path / "run")
    trial_file(run, 1).unlink()
    with pytest.raises(SystemExit):
        main(["export", str(run), "--trial", "1", "--format", "state-dict", "-o", str(tmp_path / "out")])
    assert "note: the weights are RANDOM" in capsys.readouterr().out


@pytest.mark.slow
def test_a_trained_network_is_fine_tuned_as_its_documentation_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [example] = doctest.DocTestFinder(recurse=False).find(bonag.Result.trained, "trained")
    assert doctest.DocTestRunner().run(example) == doctest.TestResults(0, len(example.examples))
    assert len(example.examples) >= 9


def test_a_run_of_surrogates_has_no_trained_network(tmp_path: Path) -> None:
    result = bonag.search("nb201", strategy="random", budget=1, out=tmp_path)
    with pytest.raises(UserError, match="has no trained network: choose another one"):
        result.trained()
