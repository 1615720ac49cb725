"""The stand-alone network of a NAS-Bench-201 cell, in plain PyTorch (Dong and Yang, ICLR 2020, figure 1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import nn

from search_spaces.nb201.layout import CELLS_PER_STAGE, EDGES, WIDTHS, stage_widths


def relu_conv_norm(in_width: int, out_width: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """ReLU, convolution without bias, batch norm."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(in_width, out_width, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(out_width),
    )


class Zero(nn.Module):
    """The operation ``none``: x -> 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 0.0


def operation(name: str, width: int) -> nn.Module:
    """The operation of that name on ``width`` channels, which keeps the shape."""
    if name == "none":
        return Zero()
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return relu_conv_norm(width, width, {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name])


class Cell(nn.Module):
    """Four nodes: the first is the input, each other the sum of its edges' results, the last the output."""

    def __init__(self, operations: Sequence[str], width: int) -> None:
        super().__init__()
        named = zip(EDGES, operations, strict=True)
        self.edges = nn.ModuleDict({f"{target}_{source}": operation(op, width) for (target, source), op in named})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        nodes = [x]
        for target in (1, 2, 3):
            nodes.append(reduce(torch.add, [self.edges[f"{target}_{i}"](node) for i, node in enumerate(nodes)]))
        return nodes[-1]


class Reduction(nn.Module):
    """The residual block between two stages, which halves the map and doubles the channels."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.first = relu_conv_norm(in_width, out_width, 3, stride=2)
        self.second = relu_conv_norm(out_width, out_width, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, stride=2), nn.Conv2d(in_width, out_width, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut: torch.Tensor = self.shortcut(x)
        return shortcut + self.second(self.first(x))


class CellNetwork(nn.Module):
    """Three stages of equal cells: images (B, 3, H, W), H and W multiples of 4 -> logits (B, num_classes).

    operations: the six operations of the cell, in the order of EDGES, each (target, source). channels: of the first
    stage, twice as many in each other. cells: of each stage.
    Weights start as PyTorch's layers do.
    """

    def __init__(
        self, operations: Sequence[str], num_classes: int, channels: int = WIDTHS[0], cells: int = CELLS_PER_STAGE
    ) -> None:
        super().__init__()
        widths = stage_widths(channels)
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        blocks: list[nn.Module] = []
        for stage, width in enumerate(widths):
            if stage:
                blocks.append(Reduction(widths[stage - 1], width))
            blocks += [Cell(operations, width) for _ in range(cells)]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU())
        self.classifier = nn.Linear(widths[-1], num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(self.head(self.blocks(self.stem(x))).mean((2, 3)))
        return logits
