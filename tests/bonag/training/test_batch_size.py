"""Images go through a network in batches that its activations decide."""

from __future__ import annotations

from torch import nn

from bonag.training.batch_size import CPU_BYTES, LIVE, images_at_once, largest_activation
from search_spaces.mbv3 import MBV3


def test_the_widest_layer_counts():
    network = nn.Sequential(nn.Conv2d(3, 10, 1), nn.Conv2d(10, 4, 1, stride=2))
    assert largest_activation(network, 8) == 4 * 10 * 8 * 8
    largest = MBV3().build(MBV3().parse("|".join(["k7e6-k7e6-k7e6-k7e6"] * 5)))
    # The first expansion: six times 16 channels at half the side.
    assert largest_activation(largest, 224) == 4 * 96 * 112 * 112
    assert not any(layer._forward_hooks for layer in largest.modules())


def test_larger_images_go_in_smaller_batches():
    network = nn.Sequential(nn.Conv2d(3, 100, 1))
    assert images_at_once(network, 100, "cpu") == CPU_BYTES // (LIVE * 4 * 100 * 100 * 100)
    assert images_at_once(network, 1, "cpu") == 500
    assert images_at_once(nn.Sequential(nn.Conv2d(3, 1000, 1)), 200, "cpu") == 1
