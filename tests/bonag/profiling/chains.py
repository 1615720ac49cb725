"""A space of networks of clearly different cost, as a user has it: tests copy the file to their folder."""

from __future__ import annotations

import os

import torch
from torch import nn

from search_spaces import ProductSpace, Site

WIDTHS = {"small": 8, "medium": 40, "large": 96}


class Net(nn.Module):
    """Three pointwise bottlenecks between a stem and a classifier."""

    def __init__(self, widths: list[int], num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, padding=1)]
        for width in widths:
            layers += [nn.Conv2d(32, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 32, 3, padding=1)]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, num_classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits


class Chains(ProductSpace):
    """27 architectures."""

    sites = tuple(Site(f"block{place}", tuple(WIDTHS)) for place in range(3))

    def build(self, architecture, num_classes=10):
        print("a network that talks")  # which must not be taken for a timing
        return Net([WIDTHS[architecture[site.name]] for site in self.sites], num_classes)


class Dying(Chains):
    """The same, but the process ends at every network."""

    name = "dying"

    def build(self, architecture, num_classes=10):
        if torch.empty(0).is_meta:  # costs are counted
            return super().build(architecture, num_classes)
        os._exit(3)


class Refusing(Chains):
    """The same, but networks take no images."""

    name = "refusing"

    def build(self, architecture, num_classes=10):
        if torch.empty(0).is_meta:
            return super().build(architecture, num_classes)
        return nn.Linear(7, num_classes)
