"""Batch norm statistics of a network that shares its weights with others, measured anew for it alone.

As the original code of Once-for-All (Cai et al., ICLR 2020) does in ``set_running_statistics``.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

# Images that go through the network together, as in Once-for-All.
BATCH = 200


class _Gathering:
    """Has a layer normalise with each batch's own statistics, and gathers them."""

    def __init__(self, layer: nn.BatchNorm2d) -> None:
        self._layer = layer
        self._images = 0
        self._mean = torch.zeros_like(layer.weight, dtype=torch.float64)
        self._variance = torch.zeros_like(layer.weight, dtype=torch.float64)
        layer.forward = self._forward  # type: ignore[method-assign]

    def _forward(self, input: torch.Tensor) -> torch.Tensor:
        layer = self._layer
        mean, variance = torch.zeros_like(layer.weight), torch.zeros_like(layer.weight)
        # Many times faster than statistics of their own. With momentum 1 these are the batch's.
        y: torch.Tensor = torch.batch_norm(
            input, layer.weight, layer.bias, mean, variance, True, 1.0, layer.eps, torch.backends.cudnn.enabled
        )
        values = input.numel() // input.shape[1]
        # It normalises by the biased variance, and hands out the unbiased one: 0 / 0 of a single value.
        variance = variance * ((values - 1) / values) if values > 1 else torch.zeros_like(variance)
        self._images += len(input)
        self._mean += mean.double() * len(input)
        self._variance += variance.double() * len(input)
        return y

    def end(self) -> None:
        del self._layer.forward
        if self._images:
            assert self._layer.running_mean is not None
            assert self._layer.running_var is not None
            self._layer.running_mean.copy_(self._mean / self._images)
            self._layer.running_var.copy_(self._variance / self._images)


def recalibrate(network: nn.Module, batches: Iterable[torch.Tensor]) -> int:
    """Replace the batch norm statistics of the network by those of (B, C, H, W) batches; returns how many images.

    Within the one pass, each layer normalises with the batch's own mean and biased variance, so that the layers behind
    it see what they will see. What stays is the average over the batches, weighted by their images. Layers that no
    image reaches keep what they have. The network is left in evaluation mode.
    """
    network.eval()
    layers = [_Gathering(layer) for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    images = 0
    try:
        with torch.inference_mode():
            for batch in batches:
                network(batch)
                images += len(batch)
    finally:
        for layer in layers:
            layer.end()
    return images
