"""Costs are exact: those of the published tables, and those that a built network has."""

from __future__ import annotations

import ast
import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from search_spaces import get_space
from search_spaces.mbv3 import MBV3, from_ofa
from search_spaces.nb201 import NB201


def test_costs_of_cells_are_those_of_the_benchmark(shared_fixtures):
    table = pd.read_csv(shared_fixtures / "nb201_costs.csv")
    assert len(table) == 30
    for row in table.itertuples():
        costs = NB201().costs(NB201().parse(row.arch))
        assert (costs.params, costs.macs) == (row.params, row.macs)
        assert costs.macs + 10 == row.flops_nb201


@pytest.mark.parametrize(
    ("num_classes", "image_size", "params", "mega_flops"),
    [(10, 32, 372_346, 51.03681), (100, 32, 378_196, 51.04266), (120, 16, 379_496, 12.76684)],
)
def test_costs_on_other_data_sets_are_those_of_the_benchmark(num_classes, image_size, params, mega_flops):
    """Cell 5 of the benchmark; its FLOPs count the classifier's bias additions, our MACs do not."""
    cell = NB201().parse("|avg_pool_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|nor_conv_1x1~0|none~1|none~2|")
    costs = NB201().costs(cell, num_classes=num_classes, image_size=image_size)
    assert costs.params == params
    assert (costs.macs + num_classes) / 1e6 == pytest.approx(mega_flops, abs=5e-6)


def test_costs_of_subnets_are_those_of_the_original_code(ofa_reference):
    runs = 0
    for subnet in ofa_reference["subnets"]:
        architecture = from_ofa(subnet["ks"], subnet["e"], subnet["d"])
        for run in subnet["runs"]:
            costs = MBV3().costs(architecture, image_size=run["H"])
            assert (costs.params, costs.macs) == (subnet["params"], run["macs"])
            runs += 1
    assert runs == 12


def test_costs_of_specialised_networks_are_those_published(shared_fixtures):
    """The networks of width 1.0 that were published for the Pixel 1, all trained on ImageNet."""
    table = pd.read_csv(shared_fixtures / "ofa" / "published_macs.csv")
    table = table[(table.stem_width == 16) & table.name.str.startswith("pixel1")]
    assert len(table) == 4
    for row in table.itertuples():
        ks, e = (padded(text) for text in (row.ks, row.e))
        d = ast.literal_eval(row.d.replace(" ", ","))
        costs = MBV3().costs(from_ofa(ks, e, d), image_size=int(row.image_size))
        assert (costs.params, costs.macs) == (row.params, row.macs)
        assert round(costs.macs / 1e6) == row.macs_published_M
        assert round(costs.params / 1e6, 1) == float(row.params_published_M)


def padded(text: str) -> list[int]:
    """The list of 20 of a text like ``[[3 3] [5 5 3] ...]``."""
    stages = ast.literal_eval(text.replace("] [", "],[").replace(" ", ","))
    return [value for stage in stages for value in [*stage, 3, 3][:4]]


def counted_macs(network: nn.Module, image_size: int) -> int:
    """MACs that really happen: per output element of each convolution and linear layer, its weights."""
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += math.prod(output.shape[1:]) * math.prod(layer.weight.shape[1:])

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 3, image_size, image_size))
    return total


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "num_classes", "image_size"),
    [("nb201", 10, 32), ("nb201", 120, 16), ("mbv3", 1000, 64), ("mbv3", 7, 97), ("mbv3", 1000, 1)],
)
def test_costs_are_those_of_the_network(name, num_classes, image_size):
    space = get_space(name)
    for architecture in space.sample(5, np.random.default_rng(2)):
        network = space.build(architecture, num_classes=num_classes)
        costs = space.costs(architecture, num_classes=num_classes, image_size=image_size)
        assert costs.params == sum(parameter.numel() for parameter in network.parameters())
        assert costs.macs == counted_macs(network, image_size)


@pytest.mark.parametrize("name", ["nb201", "mbv3"])
def test_default_costs_are_those_of_the_default_task(name):
    space = get_space(name)
    (architecture,) = space.sample(1, np.random.default_rng(0))
    assert space.costs(architecture) == space.costs(architecture, space.num_classes, space.image_size)


@pytest.mark.parametrize(("name", "image_size"), [("nb201", 30), ("nb201", 0), ("mbv3", 0), ("mbv3", -5)])
def test_impossible_image_sizes_are_refused(name, image_size):
    space = get_space(name)
    with pytest.raises(ValueError, match=f"image_size must be .* not {image_size}"):
        space.costs(space.sample(1, np.random.default_rng(0))[0], image_size=image_size)
