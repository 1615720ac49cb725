"""The file of a trained network is whole, says what it is, and gives the network back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bonag.training.weights import TrainedNetwork, is_trained, read_trained, save_trained
from search_spaces import get_space
from search_spaces.errors import UserError


@pytest.fixture
def trained(space, architecture) -> TrainedNetwork:
    torch.manual_seed(4)
    network = space.build(architecture, 3, channels=4, cells=1)
    facts = {"dataset": "mine", "epochs": "2", "preset": "quick"}
    mean, stddev = (0.1, 0.2, 0.3), (0.5, 0.5, 0.5)
    return TrainedNetwork(
        space, architecture, 3, 8, {"channels": 4, "cells": 1}, mean, stddev, network.state_dict(), facts
    )


def test_what_was_written_is_read(trained, space, tmp_path):
    path = tmp_path / "network.safetensors"
    save_trained(trained, path)
    assert is_trained(path)
    read = read_trained(path, space)
    assert replace(read, state={}) == replace(trained, state={})
    images = torch.rand(2, 3, 8, 8)
    assert read.build()(images).equal(trained.build()(images))
    assert [one.name for one in tmp_path.iterdir()] == ["network.safetensors"]


def test_files_that_are_no_trained_networks(trained, space, tmp_path):
    path = tmp_path / "network.safetensors"
    save_trained(trained, path)
    with pytest.raises(UserError, match="holds a network of space 'nb201', not of 'mbv3'"):
        read_trained(path, get_space("mbv3"))
    whole = path.read_bytes()
    for content in (b"", whole[:200], b"x" * 300, whole[:-100]):
        path.write_bytes(content)
        assert not is_trained(path)
        with pytest.raises(UserError, match="holds no network that bonag trained"):
            read_trained(path, space)
    with pytest.raises(UserError, match="cannot read"):
        read_trained(tmp_path / "absent", space)
    assert not is_trained(tmp_path / "absent")


@pytest.mark.parametrize(("old", "new"), [("[0.1, 0.2, 0.3]", "[0.1, 0.2, 'x']"), ("nor_conv_3x3~0", "nor_conv_9x9~0")])
def test_edited_metadata_is_one_line(trained, space, tmp_path, old, new):
    path = tmp_path / "network.safetensors"
    save_trained(trained, path)
    content = path.read_bytes()
    assert old.encode() in content
    path.write_bytes(content.replace(old.encode(), new.encode()))
    with pytest.raises(UserError, match="is damaged: ") as error:
        read_trained(path, space)
    assert "\n" not in str(error.value)


def test_weights_of_another_network_are_refused(trained):
    with pytest.raises(UserError, match="the weights do not fit"):
        replace(trained, arguments={"channels": 8, "cells": 1}).build()
