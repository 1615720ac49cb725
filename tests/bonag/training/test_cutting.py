"""Networks of a supernet know what its file says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bonag.training.cutting import IMAGENET_MEAN, IMAGENET_STDDEV, read_supernet
from bonag.training.weights import is_trained, read_trained, save_trained
from search_spaces import get_space
from search_spaces.errors import UserError
from search_spaces.mbv3.supernet import subnet_state

FACTS = {"weights": "supernet", "dataset": "digits", "epochs": "9", "image_size": "16", "mean": "[0.1, 0.2, 0.3]"}


@pytest.fixture(scope="module")
def space():
    return get_space("mbv3")


@pytest.fixture
def write(tmp_path, make_supernet):
    def write(**facts):
        path = tmp_path / "mine.safetensors"
        save_file(make_supernet(0.1, 10), path, metadata=FACTS | {"stddev": "[0.5, 0.5, 0.6]"} | facts)
        return path

    return write


def test_a_published_checkpoint_is_for_imagenet(tmp_path, make_supernet, space):
    path = tmp_path / "ofa_mbv3"
    torch.save({"state_dict": make_supernet(0.1, 10)}, path)
    file = read_supernet(path)
    assert (file.mean, file.stddev, file.image_size, file.dataset) == (IMAGENET_MEAN, IMAGENET_STDDEV, None, None)
    network = file.cut(space, space.sample(1, np.random.default_rng(0))[0])
    assert (network.image_size, network.num_classes, network.arguments) == (224, 10, {"width": 0.1})


def test_a_file_of_ones_own_says_what_it_is_for(write, space, tmp_path):
    path = write()
    assert not is_trained(path)
    file = read_supernet(path)
    assert (file.dataset, file.epochs, file.image_size) == ("digits", 9, 16)
    assert (file.mean, file.stddev) == ((0.1, 0.2, 0.3), (0.5, 0.5, 0.6))
    assert len(file.digest) == 12
    architecture = space.sample(1, np.random.default_rng(0))[0]
    save_trained(file.cut(space, architecture), tmp_path / "network.safetensors")
    trained = read_trained(tmp_path / "network.safetensors", space)
    assert trained.facts == {"supernet": "mine.safetensors", "dataset": "digits", "epochs": "9"}
    assert trained.mean == file.mean
    assert trained.metadata()["weights"] == "trained, cut from mine.safetensors"
    expected = subnet_state(architecture, file.supernet)
    assert all(torch.equal(value, expected[name]) for name, value in trained.build().state_dict().items())


def test_a_file_that_changed_is_read_anew(write):
    assert read_supernet(write()).image_size == 16
    assert read_supernet(write(image_size="24")).image_size == 24


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"image_size": "-3"}, "its 'image_size' must be a whole number, not '-3'"),
        ({"epochs": "many"}, "its 'epochs' must be a whole number, not 'many'"),
        ({"mean": "[1, 2]"}, "its 'mean' must be three numbers"),
        ({"mean": "[1, 2, NaN]"}, "its 'mean' must be three numbers"),
        ({"stddev": json.dumps([1, 0, 1])}, "its 'stddev' must be three numbers"),
        ({"stddev": "often"}, "its 'stddev' must be three numbers"),
    ],
)
def test_facts_that_make_no_sense_are_refused_in_one_line(write, facts, words):
    with pytest.raises(UserError, match=f"cannot take weights from .*mine.safetensors': {words}") as error:
        read_supernet(write(**facts))
    assert "\n" not in str(error.value)
