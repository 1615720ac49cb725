"""The evaluator of supernets: what it measures is what its network does, and its networks stay."""

from __future__ import annotations

import json
import os

import cloudpickle
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

from bonag.evaluators import make_evaluator
from bonag.running_trial import RunningTrial
from bonag.training.crops import read_crop
from bonag.training.cutting import IMAGENET_MEAN, IMAGENET_STDDEV
from bonag.training.datasets import load_dataset
from bonag.training.image_tree import DRAW_SEED, ImageTree
from bonag.training.measuring import Pixels, measure
from bonag.training.recalibration import recalibrate
from bonag.training.weights import read_trained
from search_spaces import get_space
from search_spaces.errors import UserError
from search_spaces.mbv3.supernet import as_supernet, subnet_state

ARCHITECTURE = "k3e6-k5e4|k7e3-k3e3-k5e6|k3e3-k3e4|k7e6-k7e4-k5e3-k5e4|k3e3-k3e3"
CLASSES = 12


@pytest.fixture(scope="module")
def space():
    return get_space("mbv3")


@pytest.fixture(scope="module")
def architecture(space):
    return space.parse(ARCHITECTURE)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory, make_supernet):
    path = tmp_path_factory.mktemp("supernets") / "narrow.pth"
    torch.save({"state_dict": make_supernet(0.1, CLASSES)}, path)
    return path


@pytest.fixture(scope="module")
def tree(tmp_path_factory, make_pictures):
    return make_pictures(tmp_path_factory.mktemp("imagenet"), {"train": 20, "val": 6}, CLASSES)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BONAG_HOME", str(tmp_path / "home"))


def made(space, task=None, **settings):
    given = {name: str(value) if name != "images" else value for name, value in settings.items()}
    return make_evaluator(space, "supernet", task, settings=given)


def normalised(crops):
    mean, stddev = (torch.tensor(values).reshape(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STDDEV))
    return (torch.from_numpy(np.stack(crops)).float() / 255 - mean) / stddev


@pytest.mark.slow
def test_it_measures_the_network_of_the_supernet_with_statistics_of_its_own(
    space, architecture, narrow, tree, make_supernet, tmp_path, capfd
):
    evaluator = made(space, "imagenet48", supernet=narrow, imagenet=tree, images=36)
    assert (evaluator.name, evaluator.task, evaluator.looks_up) == ("supernet", "imagenet48", False)
    assert evaluator.metrics == ("accuracy", "accuracy_top5", "loss")
    found = evaluator.evaluate(architecture, RunningTrial(folder=tmp_path / "trial"))

    network = space.build(architecture, CLASSES, width=0.1)
    network.load_state_dict(subnet_state(architecture, as_supernet(make_supernet(0.1, CLASSES))))
    images = ImageTree(tree, 36)
    crops = [
        read_crop(path, 48, np.random.default_rng([DRAW_SEED, row]))
        for row, path in enumerate(images.recalibration.paths)
    ]
    assert len(crops) == 240
    recalibrate(network, [normalised(crops[:200]), normalised(crops[200:])])
    labels = torch.from_numpy(images.evaluated.labels)
    with torch.inference_mode():
        logits = network(normalised([read_crop(path, 48) for path in images.evaluated.paths]))
    assert found["accuracy"] == pytest.approx(100 * (logits.argmax(1) == labels).float().mean().item())
    among = (logits.argsort(1, descending=True)[:, :5] == labels[:, None]).any(1)
    assert found["accuracy_top5"] == pytest.approx(100 * among.float().mean().item())
    assert found["loss"] == pytest.approx(cross_entropy(logits, labels).item(), rel=1e-4)
    assert "batch norm statistics of 240 images" in capfd.readouterr().out

    assert os.listdir(tmp_path / "trial") == ["network.safetensors"]
    trained = read_trained(tmp_path / "trial" / "network.safetensors", space)
    assert (trained.image_size, trained.num_classes, trained.arguments) == (48, CLASSES, {"width": 0.1})
    with torch.inference_mode():
        kept = trained.build()(normalised([read_crop(path, 48) for path in images.evaluated.paths]))
    assert torch.allclose(kept, logits, rtol=1e-4, atol=1e-4)


def test_it_says_what_it_does(space, narrow, tree):
    text = made(space, supernet=narrow, imagenet=tree, images=36).description
    assert "\n" not in text
    for words in (
        *(
            "narrow.pth (width 0.1, 12 classes, SHA-256 ",
            "up to 2,000 training images",
            "the same 36 of 72, spread evenly",
        ),
        *("centre crops of 224 pixels", "home/images", "accuracy_top5 and loss"),
    ):
        assert words in text
    text = made(space, supernet=narrow, imagenet=tree / "val").description
    assert "up to 2,000 validation images, those of the accuracy, for there are no training images" in text


def test_it_travels_without_images_and_weights_and_measures_the_same_elsewhere(
    space, architecture, narrow, tree, capfd
):
    evaluator = made(space, "imagenet32", supernet=narrow, imagenet=tree)
    here = evaluator.evaluate(architecture, RunningTrial())
    packed = cloudpickle.dumps(evaluator)
    assert len(packed) < 20_000
    assert cloudpickle.loads(packed).evaluate(architecture, RunningTrial(seed=9)) == here


@pytest.fixture(scope="module")
def own(tmp_path_factory, make_supernet):
    """A supernet as one of digits would be."""
    path = tmp_path_factory.mktemp("own") / "mine.safetensors"
    facts = {"weights": "supernet", "dataset": "digits", "epochs": "9", "image_size": "16"}
    numbers = {"mean": json.dumps([0.3] * 3), "stddev": json.dumps([0.38] * 3)}
    save_file(make_supernet(0.1, 10), path, metadata=facts | numbers)
    return path


def test_a_supernet_of_ones_own_is_measured_on_its_data_set(space, architecture, own, tmp_path, capfd):
    evaluator = made(space, supernet=own, images=200)
    assert (evaluator.task, evaluator.dataset, evaluator.image_size) == ("digits", "digits", 16)
    assert evaluator.metrics == ("accuracy", "loss")
    assert "200 validation images; the test images are left to `bonag test`" in evaluator.description
    found = evaluator.evaluate(architecture, RunningTrial(folder=tmp_path))
    trained = read_trained(tmp_path / "network.safetensors", space)
    assert (trained.mean, trained.stddev, trained.image_size) == ((0.3,) * 3, (0.38,) * 3, 16)
    validation = load_dataset("digits").validation.first(200)
    assert measure(trained.build(), validation, Pixels(trained.mean, trained.stddev, 16)) == found["accuracy"]
    # Without statistics of its own it is another network.
    assert not torch.equal(
        trained.state["head.norm.running_mean"],
        evaluator.file().cut(space, architecture).state["head.norm.running_mean"],
    )
    assert made(space, "digits", supernet=own, images=200).evaluate(architecture, RunningTrial()) == found


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        (None, {}, "needs a supernet: give its file by --supernet FILE"),
        (None, {"supernet": "narrow"}, "needs images: give them by --imagenet DIR or --dataset NAME"),
        (None, {"supernet": "narrow", "imagenet": "tree", "dataset": "digits"}, "give --imagenet or --dataset"),
        (None, {"supernet": "narrow", "dataset": "digits"}, "tells 12 classes apart, and there are 10 in digits"),
        (None, {"supernet": "own", "imagenet": "tree"}, "tells 10 classes apart, and there are 12 in "),
        (None, {"supernet": "narrow", "imagenet": "absent"}, "absent is no folder: give that of ImageNet"),
        (None, {"supernet": "absent", "imagenet": "tree"}, "cannot read weights '.*absent': No such file"),
        (
            None,
            {"supernet": "text", "imagenet": "tree"},
            "cannot take weights from '.*text': .* not a PyTorch checkpoint",
        ),
        ("imagenet9", {"supernet": "narrow", "imagenet": "tree"}, "has no task 'imagenet9': it must be 'imagenet' and"),
        ("cifar10", {"supernet": "own"}, "the task of evaluator 'supernet' is 'digits', and not 'cifar10'"),
        (None, {"supernet": "narrow", "imagenet": "tree", "preset": "quick"}, "takes no preset: .*--evaluator train"),
    ],
)
def test_what_cannot_be_is_said_when_it_is_made(space, narrow, own, tree, tmp_path, task, settings, words):
    (tmp_path / "text").write_text("not weights")
    places = {"narrow": narrow, "own": own, "tree": tree, "absent": tmp_path / "absent", "text": tmp_path / "text"}
    with pytest.raises(UserError, match=words) as error:
        made(space, task, **{name: places.get(value, value) for name, value in settings.items()})
    assert "\n" not in str(error.value)


def test_it_is_for_mbv3_and_its_settings_are_for_it_alone(space, narrow):
    with pytest.raises(UserError, match="space 'nb201' has no evaluator 'supernet'"):
        make_evaluator(get_space("nb201"), "supernet", settings={"supernet": str(narrow)})
    for name, value in (("supernet", str(narrow)), ("imagenet", "."), ("images", 5)):
        with pytest.raises(UserError, match=f"evaluator 'train' takes no {name}: .*--evaluator supernet"):
            make_evaluator(space, "train", settings={name: value})


def test_an_image_that_cannot_be_read_is_named_in_one_line(space, architecture, narrow, tmp_path, make_pictures):
    tree = make_pictures(tmp_path / "tree", {"val": 4}, CLASSES)
    (tree / "val" / "n03" / "0.JPEG").write_text("no image")
    evaluator = made(space, "imagenet32", supernet=narrow, imagenet=tree)
    with pytest.raises(UserError, match=r"^cannot read .*n03/0.JPEG: ") as error:
        evaluator.evaluate(architecture, RunningTrial())
    assert "\n" not in str(error.value)
