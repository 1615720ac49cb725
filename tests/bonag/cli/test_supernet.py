"""A search among the networks of a supernet, from the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import bonag
from bonag.training.weights import read_trained, trial_file
from search_spaces import get_space

CLASSES = 3


@pytest.fixture(scope="module")
def place(tmp_path_factory, make_supernet, make_pictures):
    """A published supernet of few and narrow channels, image files, and a supernet of digits."""
    folder = tmp_path_factory.mktemp("place")
    torch.save({"state_dict": make_supernet(0.1, CLASSES)}, folder / "narrow.pth")
    facts = {"weights": "supernet", "dataset": "digits", "epochs": "9", "image_size": "16"}
    save_file(make_supernet(0.1, 10), folder / "mine.safetensors", metadata=facts)
    make_pictures(folder / "imagenet", {"train": 20, "val": 12}, CLASSES)
    return folder


@pytest.fixture(autouse=True)
def home(place, monkeypatch):
    monkeypatch.setenv("BONAG_HOME", str(place / "home"))
    monkeypatch.chdir(place)


def words(out, name, *more):
    searching = ["--space", "mbv3", "--evaluator", "supernet", "--strategy", "random", "--cpus-per-trial", "1"]
    return ["run", *searching, "--out", str(out), "--name", name, *more]


NARROW = ["--supernet", "narrow.pth", "--imagenet", "imagenet", "--task", "imagenet32", "--images", "30"]


def measured(run):
    return [(str(trial.architecture), trial.metrics) for trial in bonag.load(run).history.trials]


@pytest.mark.slow
def test_a_search_by_two_workers_is_exported(call, tmp_path, place):
    said = call(*words(tmp_path, "a", *NARROW, "--budget", "2", "--workers", "2"))
    assert said.status == 0, said.err
    assert "evaluator supernet on imagenet32: Networks with weights of the supernet narrow.pth" in said.out
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert (config["supernet"], config["imagenet"]) == (str(place / "narrow.pth"), str(place / "imagenet"))
    assert (config["task"], config["images"]) == ("imagenet32", 30)

    trials = measured(tmp_path / "a")
    assert len({architecture for architecture, _ in trials}) == 2
    for _, metrics in trials:
        assert metrics.keys() == {"accuracy", "loss"}
        # Of 30 images.
        assert metrics["accuracy"] * 30 / 100 == pytest.approx(round(metrics["accuracy"] * 30 / 100))
    assert "batch norm statistics of 60 images" in (tmp_path / "a" / "trials" / "0" / "output.log").read_text()

    said = call("export", tmp_path / "a", "--trial", "1", "--format", "state-dict", "-o", tmp_path / "network")
    assert "RANDOM" not in said.out
    assert "width=0.1" in said.out
    own = load_file(trial_file(tmp_path / "a", 1))
    exported = load_file(tmp_path / "network")
    assert all(torch.equal(exported[name], own[name]) for name in own.keys() | exported.keys())
    said = call("test", tmp_path / "a")
    assert (said.status, said.out) == (2, "")
    assert "measured on ImageNet's validation images, and there are no others to test on" in said.err


@pytest.mark.slow
def test_a_supernet_of_a_data_set_is_tested_on_images_that_the_search_left_alone(call, tmp_path):
    mine = ["--supernet", "mine.safetensors", "--images", "50", "--executor", "in-process"]
    said = call(*words(tmp_path, "a", *mine, "--budget", "1"))
    assert said.status == 0, said.err
    assert json.loads((tmp_path / "a" / "config.json").read_text())["dataset"] == "digits"
    said = call("test", tmp_path / "a", "--json")
    tested = json.loads(said.out)
    assert (tested["images"], tested["dataset"], tested["supernet"]) == (359, "digits", "mine.safetensors")
    assert (tested["epochs"], tested["retrained"]) == (9, False)
    assert "cut from mine.safetensors, trained on the training images of digits" in call("test", tmp_path / "a").out


@pytest.mark.slow
def test_a_network_of_a_supernet_is_trained_alone_at_the_supernets_size(call, tmp_path):
    mine = ["--supernet", "mine.safetensors", "--images", "50"]
    assert call(*words(tmp_path, "a", *mine, "--budget", "1")).status == 0
    tiny = ["--hyperparameter", "images=100", "--hyperparameter", "batch_size=50"]
    said = call("test", tmp_path / "a", "--epochs", "1", *tiny, "-o", tmp_path / "alone", "--json")
    tested = json.loads(said.out)
    assert (tested["retrained"], tested["epochs"], tested["supernet"]) == (True, 1, None)
    alone = read_trained(tmp_path / "alone", get_space("mbv3"))
    assert (alone.arguments, alone.image_size) == ({"width": 0.1}, 16)


def test_an_image_that_cannot_be_read_fails_trials_with_its_name(call, tmp_path, make_pictures):
    tree = make_pictures(tmp_path / "tree", {"val": 4}, CLASSES)
    (tree / "val" / "n01" / "0.JPEG").write_text("no image")
    options = ["--supernet", "narrow.pth", "--imagenet", tree, "--task", "imagenet32", "--executor", "in-process"]
    said = call(*words(tmp_path, "a", *options, "--budget", "2", "--max-failures", "1"))
    assert said.status == 1
    (trial,) = bonag.load(tmp_path / "a").history.trials
    assert f"cannot read {tree / 'val' / 'n01' / '0.JPEG'}: " in trial.reason


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "needs a supernet: give its file by --supernet FILE"),
        (["--supernet", "narrow.pth"], "needs images: give them by --imagenet DIR or --dataset NAME"),
        (["--supernet", "narrow.pth", "--imagenet", "nowhere"], "nowhere is no folder: give that of ImageNet"),
        (["--supernet", "narrow.pth", "--dataset", "digits"], "tells 3 classes apart, and there are 10 in digits"),
        (["--supernet", "imagenet", "--imagenet", "imagenet"], "cannot read weights"),
        ([*NARROW, "--images", "0"], "images must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_gets_one_line_and_writes_nothing(call, tmp_path, options, message):
    said = call(*words(tmp_path / "out", "a", *options))
    assert said.status == 2
    assert message in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_search_that_went_on_elsewhere_is_the_same_as_one_that_was_not_interrupted(call, tmp_path, monkeypatch):
    assert call(*words(tmp_path, "whole", *NARROW, "--budget", "4")).status == 0
    assert call(*words(tmp_path, "half", *NARROW, "--budget", "2")).status == 0
    monkeypatch.chdir(tmp_path)
    assert call("resume", tmp_path / "half", "--budget", "4").status == 0
    assert measured(tmp_path / "half") == measured(tmp_path / "whole")


@pytest.mark.slow
def test_onnx_gives_the_outputs_of_the_network_that_was_measured(call, tmp_path):
    import onnxruntime

    assert call(*words(tmp_path, "a", *NARROW, "--budget", "1")).status == 0
    path = tmp_path / "network.onnx"
    assert call("export", tmp_path / "a", "--format", "onnx", "-o", path).status == 0
    images = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    trained = read_trained(trial_file(tmp_path / "a", 0), get_space("mbv3"))
    with torch.inference_mode():
        expected = trained.build()(images).numpy()
    session = onnxruntime.InferenceSession(path)
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    assert expected.std() > 1e-2
    assert np.abs(logits - expected).max() < 1e-4 * np.abs(expected).max()
    assert session.get_modelmeta().custom_metadata_map["weights"] == "trained, cut from narrow.pth"
