"""Which networks architectures stand for: costs and drawings are of these."""

from __future__ import annotations

import cloudpickle
import numpy as np
import pytest
from torch import nn

from search_spaces import Costs, NetworkSize, get_space
from search_spaces.counting import network_costs, tried_network
from tests.search_spaces.blocks import Blocks

SMALL = {"channels": 8, "cells": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("nb201", NetworkSize(7, 16, SMALL)),
        ("nb201", NetworkSize(10, 32, {"channels": 6})),
        ("nb101", NetworkSize(7, 15, SMALL)),
        ("nb101", NetworkSize(3, 32, {"cells": 2})),
        ("darts", NetworkSize(7, 16, SMALL)),
        ("darts", NetworkSize(3, 32, {"cells": 2})),
        ("mbv3", NetworkSize(1000, 192)),
        ("mbv3", NetworkSize(10, 33)),
        ("nbgraph", NetworkSize(3, None, {"features": 500, "hidden": 128, "after": 0})),
        ("nbgraph-proteins", NetworkSize(112, None, {"features": 8, "before": 1, "dropout": 0.0})),
    ],
)
def test_costs_are_those_of_the_networks_of_that_size(name, size):
    space = get_space(name).at(size)
    for architecture in space.sample(4, np.random.default_rng(0)):
        counted = network_costs(*tried_network(space, architecture, size.num_classes, size.image_size))
        assert space.costs(architecture) == counted


def test_a_space_is_that_of_its_own_size_unless_told_otherwise():
    space = get_space("nb201")
    assert space.network_size == NetworkSize(10, 32)
    assert space.at(space.network_size) is space
    other = space.at(NetworkSize(10, 16))
    assert other is space.at(NetworkSize(10, 16))
    assert (other.network_size, space.network_size) == (NetworkSize(10, 16), NetworkSize(10, 32))
    assert other.at(NetworkSize(10, 32)).costs(space.all()[7]) == space.costs(space.all()[7])
    assert cloudpickle.loads(cloudpickle.dumps(other)).network_size == NetworkSize(10, 16)


class Wide(Blocks):
    """A space whose networks have a choice that its formula knows nothing of."""

    def build(self, architecture, num_classes=10, *, channels=4):
        return nn.Sequential(nn.Conv2d(3, channels, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))

    def _costs(self, architecture, num_classes, image_size):
        return Costs(params=66, macs=12 * image_size**2 + 40)


def test_a_network_is_counted_where_a_formula_does_not_know_its_arguments():
    space = Wide()
    [one] = space.sample(1, np.random.default_rng(0))
    assert space.costs(one) == Costs(66, 12 * space.image_size**2 + 40)
    assert space.at(NetworkSize(10, 8, {"channels": 6})).costs(one) == Costs(94, 18 * 64 + 60)


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("mbv3", NetworkSize(10, 96), ("10 classes", "48²", "3²")),
        ("nb201", NetworkSize(100, 16, SMALL), ("1 cell<", "8 ch, 16²", "32 ch, 4²", "100 out")),
        ("nb101", NetworkSize(7, 16, SMALL), ("1 cell<", "8 ch, 16²", "32 ch, 4²", "7 out")),
    ],
)
def test_a_drawing_tells_of_the_networks_of_that_size(name, size, words):
    space = get_space(name).at(size)
    drawn = space.draw(space.sample(1, np.random.default_rng(0))[0])
    for word in words:
        assert word in drawn


@pytest.mark.parametrize("values", [(0, 32), (10, 0), (10, 32.0), (True, 32), (10, 32, {"channels": None})])
def test_a_size_that_is_none_is_refused(values):
    with pytest.raises(ValueError, match="must be"):
        NetworkSize(*values)


def test_a_size_says_what_it_is():
    assert str(NetworkSize(10, 16, SMALL)) == "10 classes, images of 16 px, channels 8, cells 1"
