"""The evaluator that trains: checked when it is made, small when it travels, and its networks stay."""

from __future__ import annotations

import os

import cloudpickle
import numpy as np
import pytest
from safetensors import safe_open

from bonag.evaluators import make_evaluator
from bonag.running_trial import RunningTrial
from bonag.training.measuring import Pixels, measure
from bonag.training.weights import read_trained
from loops.objective import Objective
from search_spaces import get_space
from search_spaces.errors import UserError

CELL = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_3x3~2|"
SHORT = ("epochs=2", "channels=4", "batch_size=16")


@pytest.fixture(scope="module")
def space():
    return get_space("nb201")


def made(space, **settings):
    return make_evaluator(space, "train", settings={"hyperparameters": SHORT, **settings})


@pytest.mark.slow
def test_it_measures_the_validation_images_and_leaves_the_network_behind(space, tmp_path):
    evaluator = made(space)
    assert (evaluator.name, evaluator.task) == ("train", "digits")
    assert (evaluator.dataset, evaluator.preset) == ("digits", "quick")
    assert (evaluator.metrics, evaluator.looks_up) == (("accuracy",), False)
    architecture = space.parse(CELL)
    metrics = evaluator.evaluate(architecture, RunningTrial(seed=3, space=space, folder=tmp_path))
    assert metrics.keys() == {"accuracy"}
    assert 20 < metrics["accuracy"] <= 100
    assert os.listdir(tmp_path) == ["network.safetensors"]
    trained = read_trained(tmp_path / "network.safetensors", space)
    pixels = Pixels(trained.mean, trained.stddev, trained.image_size)
    assert measure(trained.build(), evaluator.images().validation, pixels) == metrics["accuracy"]
    with safe_open(tmp_path / "network.safetensors", "pt") as file:
        said = file.metadata()
    known = {"space": "nb201", "architecture": CELL, "num_classes": "10", "image_size": "8", "epochs": "2"}
    assert known.items() <= said.items()
    assert (said["dataset"], said["preset"]) == ("digits", "quick")


def test_it_says_what_it_does(space):
    text = made(space).description
    assert "\n" not in text
    for words in ("1,151 images to train", "287 to validate", "preset quick", "2 epochs of adamw", "4 channels"):
        assert words in text


@pytest.mark.slow
def test_it_travels_without_the_data_and_measures_the_same_elsewhere(space, debian_or_digits):
    evaluator = made(space, dataset=debian_or_digits)
    evaluator.images()
    packed = cloudpickle.dumps(evaluator)
    assert len(packed) < 20_000
    architecture = space.parse(CELL)
    if debian_or_digits == "digits":
        here = evaluator.evaluate(architecture, RunningTrial(seed=3))
        assert cloudpickle.loads(packed).evaluate(architecture, RunningTrial(seed=3)) == here


@pytest.fixture(params=["digits", "fashion-mnist"])
def debian_or_digits(request):
    if request.param == "fashion-mnist" and not os.path.isdir("/usr/share/datasets/fashion-mnist"):
        pytest.skip("needs Fashion-MNIST: /usr/share/datasets is without it (apt-get install dataset-fashion-mnist)")
    return request.param


def test_costs_are_counted_beside_it(space):
    evaluator = make_evaluator(
        space, "train", settings={"hyperparameters": SHORT}, objective=Objective.parse(["accuracy", "-macs"])
    )
    assert evaluator.metrics == ("accuracy", "macs")
    assert evaluator.preset == "quick"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dataset": "digts"}, "no data set 'digts': did you mean 'digits'?"),
        ({"preset": "slow"}, "unknown preset 'slow': choose from quick, nb201"),
        ({"hyperparameters": ("epoch=3",)}, "unknown hyperparameter 'epoch'"),
        ({"hyperparameters": ("image_size=30",)}, "images of 30 pixels"),
    ],
)
def test_what_cannot_be_is_said_when_it_is_made(space, settings, words):
    with pytest.raises(UserError) as error:
        made(space, **settings)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_its_settings_are_for_it_alone(space):
    for name, value in (("dataset", "digits"), ("preset", "quick"), ("hyperparameters", ("epochs=3",))):
        with pytest.raises(UserError, match=f"evaluator 'surrogate' takes no {name}: .*--evaluator train"):
            make_evaluator(space, "surrogate", settings={name: value})
    with pytest.raises(UserError, match="the task of evaluator 'train' is 'digits', and not 'cifar10'"):
        make_evaluator(space, "train", "cifar10")


def test_the_data_may_be_the_users(space, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", x=rng.integers(0, 256, (60, 12, 12, 3), dtype=np.uint8), y=np.arange(60) % 3)
    evaluator = made(space, dataset=str(tmp_path / "mine.npz"))
    assert (evaluator.task, evaluator.dataset) == ("mine.npz", str(tmp_path / "mine.npz"))
    assert evaluator.evaluate(space.parse(CELL), RunningTrial()).keys() == {"accuracy"}
