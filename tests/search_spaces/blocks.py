"""A search space of one's own, whole: six blocks in a row, each a convolution, an inverted residual, or nothing."""

from __future__ import annotations

import torch
from torch import nn

from search_spaces import ProductSpace, Site

WIDTHS = (16, 16, 32, 32, 64, 64)


class Block(nn.Module):
    """A block by its name, ``conv3`` or ``mbconv5``: the number is the kernel. Halves the map where it grows wider."""

    def __init__(self, name: str, in_width: int, width: int) -> None:
        super().__init__()
        kernel, middle, inner, groups = int(name[-1]), in_width, width, 1
        if name.startswith("mb"):
            middle = inner = groups = 3 * in_width
        stride = 1 if width == in_width else 2
        self.layers = nn.Sequential(
            nn.Conv2d(in_width, middle, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, inner, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.Conv2d(inner, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layers(x)
        return x + y if x.shape == y.shape else y


class Network(nn.Module):
    """The blocks between a stem and a classifier: images (B, 3, H, W) -> logits (B, num_classes)."""

    def __init__(self, blocks: list[str], num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)]
        width = WIDTHS[0]
        for name, out_width in zip(blocks, WIDTHS, strict=True):
            if name != "skip":
                layers.append(Block(name, width, out_width))
                width = out_width
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(x)
        return logits


class Blocks(ProductSpace):
    """Six blocks in a row; `skip` makes a block disappear."""

    sites = tuple(Site(f"block{place}", ("skip", "conv3", "conv5", "mbconv3", "mbconv5")) for place in range(6))

    def build(self, architecture, num_classes=10):
        return Network([architecture[site.name] for site in self.sites], num_classes)
