"""The evaluation network of a DARTS genotype, in plain PyTorch (Liu, Simonyan and Yang, ICLR 2019, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from search_spaces.darts.layout import CELLS, CHANNELS, INPUTS, NODES, STEM_MULTIPLIER, reductions


def relu_conv_norm(in_width: int, out_width: int) -> nn.Sequential:
    """ReLU, 1x1 convolution without bias, batch norm."""
    return nn.Sequential(nn.ReLU(), nn.Conv2d(in_width, out_width, 1, bias=False), nn.BatchNorm2d(out_width))


class FactorisedReduction(nn.Module):
    """Halves a map of even sides: ReLU, then two 1x1 convolutions on every other pixel, the second shifted by one."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(in_width, out_width // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(in_width, out_width - out_width // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(out_width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(x)
        normed: torch.Tensor = self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))
        return normed


def depthwise_separable(width: int, kernel: int, stride: int, dilation: int) -> list[nn.Module]:
    """ReLU, depthwise convolution, 1x1 convolution, batch norm."""
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(width, width, kernel, stride, padding, dilation, groups=width, bias=False),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
    ]


def operation(name: str, width: int, stride: int) -> nn.Module:
    """The operation of that name on ``width`` channels; stride 2 halves the map."""
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorisedReduction(width, width)
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, padding=1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    kind, kernel = name[:3], int(name[-1])
    if kind == "sep":
        return nn.Sequential(
            *depthwise_separable(width, kernel, stride, dilation=1), *depthwise_separable(width, kernel, 1, dilation=1)
        )
    return nn.Sequential(*depthwise_separable(width, kernel, stride, dilation=2))


class Cell(nn.Module):
    """Two inputs, four nodes that each add up two edges, and all nodes side by side as the output.

    edges: (operation, source) of eight edges, two for each node. before, last: channels of the outputs of the last
    but one cell and of the last one. reduced: whether the last cell halved the map, so the other is twice as large.
    """

    def __init__(
        self, edges: Sequence[tuple[str, int]], before: int, last: int, width: int, reduces: bool, reduced: bool
    ) -> None:
        super().__init__()
        self.first = FactorisedReduction(before, width) if reduced else relu_conv_norm(before, width)
        self.second = relu_conv_norm(last, width)
        self.sources = [source for _, source in edges]
        self.edges = nn.ModuleList(
            operation(name, width, 2 if reduces and source < INPUTS else 1) for name, source in edges
        )

    def forward(self, before: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        nodes = [self.first(before), self.second(last)]
        results = list(zip(self.edges, self.sources, strict=True))
        for (one, i), (other, j) in zip(results[::2], results[1::2], strict=True):
            nodes.append(one(nodes[i]) + other(nodes[j]))
        return torch.cat(nodes[INPUTS:], dim=1)


class CellNetwork(nn.Module):
    """A stack of cells: images (B, 3, H, W), H and W multiples of 4 -> logits (B, num_classes).

    normal, reduce: (operation, source) of the eight edges of each cell. channels: of the first cells, an even number.
    It has neither DARTS's auxiliary head nor its drop-path, which only play a part in training.
    Weights start as PyTorch's layers do.
    """

    def __init__(
        self,
        normal: Sequence[tuple[str, int]],
        reduce: Sequence[tuple[str, int]],
        num_classes: int,
        channels: int = CHANNELS,
        cells: int = CELLS,
    ) -> None:
        super().__init__()
        before = last = STEM_MULTIPLIER * channels
        self.stem = nn.Sequential(nn.Conv2d(3, last, 3, padding=1, bias=False), nn.BatchNorm2d(last))
        self.cells = nn.ModuleList()
        width, reduced = channels, False
        for position in range(cells):
            reduces = position in reductions(cells)
            if reduces:
                width *= 2
            self.cells.append(Cell(reduce if reduces else normal, before, last, width, reduces, reduced))
            before, last, reduced = last, NODES * width, reduces
        self.classifier = nn.Linear(last, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(before, last)
        logits: torch.Tensor = self.classifier(last.mean((2, 3)))
        return logits
