"""The network of a NAS-Bench-101 cell, in plain PyTorch (Ying et al., ICML 2019, section 2 and figure 1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import nn

from search_spaces.nb101.layout import CELLS_PER_STACK, STEM_WIDTH, node_widths, stack_widths


def conv_norm_relu(in_width: int, out_width: int, kernel: int) -> nn.Sequential:
    """Convolution without bias, batch norm with the benchmark's settings, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_width, out_width, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out_width, eps=1e-5, momentum=0.003),
        nn.ReLU(),
    )


def operation(name: str, width: int) -> nn.Module:
    """The operation of that name on ``width`` channels, which keeps the shape."""
    if name == "maxpool3x3":
        return nn.MaxPool2d(3, stride=1, padding=1)
    return conv_norm_relu(width, width, {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}[name])


class Cell(nn.Module):
    """Inner nodes add up what comes in and apply their operation; the output joins them channel by channel.

    What comes from the cell's input is first projected by a 1x1 convolution, to the output too, where it is added.
    operations: of the inner nodes. edges: pairs (i, j), i < j, of nodes; 0 is the input, the last node the output.
    """

    def __init__(
        self, operations: Sequence[str], edges: Sequence[tuple[int, int]], in_width: int, out_width: int
    ) -> None:
        super().__init__()
        self.output = len(operations) + 1
        self.widths = node_widths(edges, self.output + 1, out_width)
        self.sources = [[i for i, j in sorted(edges) if j == node and i > 0] for node in range(self.output + 1)]
        self.projections = nn.ModuleDict(
            {str(j): conv_norm_relu(in_width, self.widths[j], 1) for i, j in sorted(edges) if i == 0}
        )
        self.operations = nn.ModuleList(
            operation(name, self.widths[node]) for node, name in enumerate(operations, start=1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        nodes = [x]
        for node, operation in enumerate(self.operations, start=1):
            # A node that is one channel wider than the next gives it all but the last one.
            terms = [nodes[i][:, : self.widths[node]] for i in self.sources[node]]
            nodes.append(operation(reduce(torch.add, terms + self._project(x, node))))
        joined = [nodes[i] for i in self.sources[self.output]]
        terms = [torch.cat(joined, dim=1)] if joined else []
        return reduce(torch.add, terms + self._project(x, self.output))

    def _project(self, x: torch.Tensor, node: int) -> list[torch.Tensor]:
        name = str(node)
        return [self.projections[name](x)] if name in self.projections else []


class CellNetwork(nn.Module):
    """Three stacks of equal cells: images (B, 3, H, W) -> logits (B, num_classes).

    operations, edges: of the cell, as in ``Cell``. channels: of the first stack, twice as many in each other. cells:
    of each stack. Between stacks the map is halved by max pooling, rounded up.
    Weights start as PyTorch's layers do.
    """

    def __init__(
        self,
        operations: Sequence[str],
        edges: Sequence[tuple[int, int]],
        num_classes: int,
        channels: int = STEM_WIDTH,
        cells: int = CELLS_PER_STACK,
    ) -> None:
        super().__init__()
        self.stem = conv_norm_relu(3, channels, 3)
        blocks: list[nn.Module] = []
        width = channels
        for stack, out_width in enumerate(stack_widths(channels)):
            if stack:
                blocks.append(nn.MaxPool2d(2, stride=2, ceil_mode=True))
            for _ in range(cells):
                blocks.append(Cell(operations, edges, width, out_width))
                width = out_width
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(self.blocks(self.stem(x)).mean((2, 3)))
        return logits
