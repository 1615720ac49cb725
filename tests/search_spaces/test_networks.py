"""Networks compute what their architectures say, and train."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from search_spaces import get_space
from search_spaces.mbv3 import MBV3
from search_spaces.nb201 import NB201
from search_spaces.nb201.network import Cell, Reduction, operation


@pytest.mark.parametrize("name", ["nb201", "mbv3"])
def test_networks_give_logits_and_gradients(name):
    space = get_space(name)
    torch.manual_seed(0)
    for architecture in space.sample(3, np.random.default_rng(4)):
        network = space.build(architecture, num_classes=11)
        logits = network(torch.randn(2, 3, 32, 32))
        assert logits.shape == (2, 11)
        nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("name", ["nb201", "mbv3"])
def test_networks_have_the_default_number_of_classes(name):
    space = get_space(name)
    network = space.build(space.sample(1, np.random.default_rng(0))[0]).eval()
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, space.num_classes)


@pytest.mark.numeric
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("name", "text", "side"),
    [
        ("nb101", "conv1x1-bn-relu~0|maxpool3x3~1|output~0+2", 4),
        ("nb201", "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|", 8),
        ("mbv3", "|".join(["k3e3-k3e3"] * 5), 32),
    ],
)
def test_a_network_learns(name, text, side, seed):
    """Two classes of images that differ in brightness are told apart: the loss halves, on whatever way it takes."""
    space = get_space(name)
    torch.manual_seed(seed)
    network = space.build(space.parse(text), num_classes=2)
    labels = torch.arange(8) % 2
    images = torch.randn(8, 3, side, side) + 2 * labels[:, None, None, None]
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    losses = []
    while len(losses) < 60 and (not losses or losses[-1] > 0.5 * losses[0]):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] <= 0.5 * losses[0], losses


class Times(nn.Module):
    """Multiplies by a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


def test_edges_of_a_cell_join_the_nodes_that_the_string_says():
    a, b, c, d, e, f = 2.0, 3.0, 5.0, 7.0, 11.0, 13.0
    cell = Cell(["skip_connect"] * 6, 1)
    for key, factor in {"1_0": a, "2_0": b, "2_1": c, "3_0": d, "3_1": e, "3_2": f}.items():
        cell.edges[key] = Times(factor)
    one = a
    two = b + c * one
    three = d + e * one + f * two
    assert cell(torch.ones(1, 1, 1, 1)).item() == three


def test_operations_of_a_cell_stand_on_the_edges_of_the_string():
    names = ["nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "none"]
    network = NB201().build(
        NB201().parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|")
    )
    cells = [module for module in network.modules() if isinstance(module, Cell)]
    assert len(cells) == 15
    for cell in cells:
        kinds = {key: type(operation(name, 4)) for key, name in zip(cell.edges, names, strict=True)}
        assert {key: type(edge) for key, edge in cell.edges.items()} == kinds
        assert cell.edges["1_0"][1].kernel_size == (3, 3)
        assert cell.edges["3_1"][1].kernel_size == (1, 1)


def test_operations_of_a_cell_do_what_they_are_called():
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(operation("skip_connect", 4)(x), x)
    assert not operation("none", 4)(x).any()
    pooled = operation("avg_pool_3x3", 4)(x)
    assert torch.allclose(pooled[..., 0, 0], x[..., :2, :2].mean((2, 3)))  # padding does not count
    assert torch.allclose(pooled[..., 2, 3], x[..., 1:4, 2:5].mean((2, 3)))
    norm_of_zero = operation("nor_conv_3x3", 4).eval()(-x.abs())
    assert not norm_of_zero.any()  # the ReLU comes first


@pytest.mark.parametrize(("width", "params"), [(16, 14_464), (32, 57_600)])
def test_reduction_has_the_published_size_and_halves_the_map(width, params):
    reduction = Reduction(width, 2 * width)
    assert sum(parameter.numel() for parameter in reduction.parameters()) == params
    assert reduction(torch.zeros(1, width, 8, 8)).shape == (1, 2 * width, 4, 4)


def test_dead_cells_see_nothing_of_the_image():
    network = NB201().build(NB201().parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")).eval()
    logits = network(torch.randn(2, 3, 32, 32))
    assert torch.allclose(logits[0], logits[1])


def test_only_blocks_that_keep_the_shape_have_a_residual():
    largest = MBV3().parse("|".join(["k7e6-k7e6-k7e6-k7e6"] * 5))
    residuals = [block.has_residual for block in MBV3().build(largest).blocks]
    assert residuals == [True] + [False, True, True, True] * 5


def test_spaces_alone_do_not_import_torch():
    import subprocess
    import sys

    code = "import sys, search_spaces as s; [s.get_space(n) for n in s.space_names()]; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
