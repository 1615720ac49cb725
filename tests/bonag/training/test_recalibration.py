"""Batch norm statistics measured anew are those of the original code, in both precisions."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from bonag.training.recalibration import recalibrate
from search_spaces.mbv3 import MBV3, from_ofa
from search_spaces.mbv3.supernet import as_supernet, subnet_state


@pytest.fixture(scope="module")
def references(shared_fixtures):
    return json.loads((shared_fixtures / "ofa" / "bn_recalib.json").read_text())


def recalibrated(reference, subnets, state, dtype):
    (subnet,) = [one for one in subnets if one["name"] == reference["subnet"]]
    architecture = from_ofa(subnet["ks"], subnet["e"], subnet["d"])
    network = MBV3().build(architecture).to(dtype)
    supernet = as_supernet(
        {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
    )
    network.load_state_dict(subnet_state(architecture, supernet))
    size = reference["H"]
    batches = [
        torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(100 + b)).to(dtype)
        for b, n in enumerate(reference["calib_batch_sizes"])
    ]
    assert recalibrate(network, batches) == sum(reference["calib_batch_sizes"])
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0)).to(dtype)
    with torch.inference_mode():
        return network, network(images)


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_logits_after_recalibration_are_those_of_the_original_code(number, references, ofa_reference, supernet_state):
    reference = references[number]
    network, exact = recalibrated(reference, ofa_reference["subnets"], supernet_state, torch.float64)
    _, rough = recalibrated(reference, ofa_reference["subnets"], supernet_state, torch.float32)
    for image, norm in enumerate(reference["float64_l2"]):
        assert exact[image, :10].tolist() == pytest.approx(reference["float64_first10"][image], rel=0, abs=1e-9)
        assert exact[image].norm().item() == pytest.approx(norm, rel=0, abs=1e-9)
        assert exact[image].argmax().item() == reference["float64_argmax"][image]
        assert rough[image, :10].tolist() == pytest.approx(reference["static_first10"][image], rel=0, abs=3e-6 * norm)
    said = reference["stats_float64"]
    layers = {
        "first_conv.bn": network.stem.norm,
        "blocks.0.conv.point_linear.bn": network.blocks[0].project.norm,
        "blocks.1.conv.depth_conv.bn.bn": network.blocks[1].depthwise.norm,
        "final_expand_layer.bn": network.head.norm,
    }
    for key, norm in layers.items():
        assert norm.running_mean[:4].tolist() == pytest.approx(said[key]["running_mean_first4"], rel=0, abs=1e-9)
        assert norm.running_var[:4].tolist() == pytest.approx(said[key]["running_var_first4"], rel=0, abs=1e-9)


def test_averages_are_weighted_by_images_and_variances_are_biased_and_within_batches():
    layer = nn.BatchNorm2d(1, track_running_stats=True).eval()
    first, second = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1), torch.full((1, 1, 1, 1), 8.0)
    assert recalibrate(layer, [first, second]) == 3
    assert layer.running_mean.item() == pytest.approx((2 * 2.0 + 8.0) / 3)
    assert layer.running_var.item() == pytest.approx((2 * 1.0 + 0.0) / 3)
    assert layer.num_batches_tracked.item() == 0


def test_later_layers_see_what_the_batch_itself_makes_of_the_earlier_ones():
    network = nn.Sequential(nn.BatchNorm2d(1), nn.BatchNorm2d(1))
    x = torch.tensor([1.0, 5.0]).reshape(2, 1, 1, 1)
    recalibrate(network, [x, x + 100])
    assert network[1].running_mean.item() == pytest.approx(0, abs=1e-5)
    assert network[1].running_var.item() == pytest.approx(1, abs=1e-5)


def test_a_single_value_has_no_spread():
    layer = nn.BatchNorm2d(1)
    recalibrate(layer, [torch.full((1, 1, 1, 1), 3.0)])
    assert (layer.running_mean.item(), layer.running_var.item()) == (3, 0)


def test_without_images_nothing_changes_and_a_failure_leaves_the_layers_as_they_were():
    layer = nn.BatchNorm2d(2)
    assert recalibrate(layer, []) == 0
    assert layer.running_var.tolist() == [1, 1]
    with pytest.raises(RuntimeError):
        recalibrate(layer, [torch.zeros(2, 3, 1, 1)])
    assert "forward" not in vars(layer)
    assert layer(torch.ones(1, 2, 1, 1)).shape == (1, 2, 1, 1)
