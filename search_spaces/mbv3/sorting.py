"""Channels of a supernet's blocks in the order of their importance, so that smaller blocks keep the best ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import torch

from search_spaces.mbv3.architecture import EXPANDS, SLOTS
from search_spaces.mbv3.layout import squeeze_width

VECTORS = ("weight", "bias", "running_mean", "running_var")


@torch.no_grad()
def sort_channels(weights: Mapping[str, torch.Tensor], trained: Sequence[int] = EXPANDS[-1:]) -> None:
    """Sort the hidden channels of every block in place, the most important first; the largest network stays the same.

    weights: by a supernet's keys. trained: the expand ratios that already work: what belongs to the smallest of them
    stays within it, and so on. A channel is as important as the L1 norm of the weights that take it up in the
    projection (Cai et al., ICLR 2020), one of a squeeze-and-excitation likewise in its expansion.
    """
    for block in range(1, SLOTS + 1):
        name = f"blocks.{block}.conv"
        project = weights[f"{name}.point_linear.conv.conv.weight"]
        widths = [project.shape[1] * expand // EXPANDS[-1] for expand in trained]
        order = _order(project, widths)
        _reorder(project, order, 1)
        for part in ("inverted_bottleneck", "depth_conv"):
            _reorder(weights[f"{name}.{part}.conv.conv.weight"], order, 0)
            for vector in VECTORS:
                _reorder(weights[f"{name}.{part}.bn.bn.{vector}"], order, 0)
        gate = f"{name}.depth_conv.se.fc"
        if f"{gate}.reduce.weight" in weights:
            _reorder(weights[f"{gate}.reduce.weight"], order, 1)
            expand = weights[f"{gate}.expand.weight"]
            for tensor in (expand, weights[f"{gate}.expand.bias"]):
                _reorder(tensor, order, 0)
            squeezed = _order(expand, [squeeze_width(width) for width in widths])
            _reorder(expand, squeezed, 1)
            for tensor in (weights[f"{gate}.reduce.weight"], weights[f"{gate}.reduce.bias"]):
                _reorder(tensor, squeezed, 0)


def _order(consumer: torch.Tensor, widths: Iterable[int]) -> torch.Tensor:
    """The places of the input channels of (O, C, 1, 1) weights, best first, those beyond a trained width behind it."""
    importance = consumer.abs().sum((0, 2, 3))
    edges = sorted({0, *widths, len(importance)})
    parts = [
        first + torch.argsort(importance[first:last], descending=True, stable=True) for first, last in pairwise(edges)
    ]
    return torch.cat(parts)


def _reorder(tensor: torch.Tensor, order: torch.Tensor, axis: int) -> None:
    tensor.copy_(tensor.index_select(axis, order))
