"""Single networks of a supernet in training: their weights, their own batch norm statistics, their accuracy."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from bonag.training.image_tree import STATISTICS_OF
from bonag.training.images import Images
from bonag.training.measuring import Pixels, measure
from bonag.training.recalibration import BATCH, recalibrate
from search_spaces.mbv3 import MBV3, MBV3Architecture
from search_spaces.mbv3.elastic import ElasticMobileNetV3
from search_spaces.mbv3.supernet import Supernet, subnet_state


def static_network(
    network: ElasticMobileNetV3, architecture: MBV3Architecture, images: Images, pixels: Pixels
) -> nn.Module:
    """The architecture's network with weights of its own, in evaluation mode; its batch norms know the images."""
    supernet = Supernet(network.state_dict(), network.width, network.num_classes)
    static = build_static(architecture, network.num_classes, network.width, subnet_state(architecture, supernet))
    shown = images.first(STATISTICS_OF).pixels.to(next(network.parameters()).device)
    recalibrate(static, (pixels.prepare(batch) for batch in shown.split(BATCH)))
    return static


def build_static(
    architecture: MBV3Architecture, num_classes: int, width: float, state: Mapping[str, torch.Tensor]
) -> nn.Module:
    """A network that has these weights, where they are, and never had others."""
    with torch.device("meta"):
        static = MBV3().build(architecture, num_classes, width=width)
    static.load_state_dict(state, assign=True)
    return static.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def subnet_accuracy(
    network: ElasticMobileNetV3, architecture: MBV3Architecture, train: Images, validation: Images, pixels: Pixels
) -> float:
    """The share of the validation images, in percent, whose class the architecture's network finds."""
    return measure(static_network(network, architecture, train, pixels), validation, pixels)
