"""Batch norm statistics of a network that shares its weights with others, measured anew for it alone.

As the original code of Once-for-All (Cai et al., ICLR 2020) does in ``set_running_statistics``.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

# Images that the statistics are of, and how many of them go through the network together, as in Once-for-All.
IMAGES, BATCH = 2000, 200


class _Gathering:
    """Has a layer normalise with each batch's own statistics, and gathers them."""

    def __init__(self, layer: nn.BatchNorm2d) -> None:
        self._layer = layer
        self._images = 0
        self._mean = torch.zeros_like(layer.weight, dtype=torch.float64)
        self._variance = torch.zeros_like(layer.weight, dtype=torch.float64)
        self._hook = layer.register_forward_pre_hook(self._see)

    def _see(self, layer: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        (x,) = inputs
        # The spread around the batch's own mean, without the correction that PyTorch keeps.
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        self._write(mean, variance)
        self._images += len(x)
        self._mean += mean.double() * len(x)
        self._variance += variance.double() * len(x)

    def end(self) -> None:
        self._hook.remove()
        if self._images:
            self._write(self._mean / self._images, self._variance / self._images)

    def _write(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        assert self._layer.running_mean is not None
        assert self._layer.running_var is not None
        self._layer.running_mean.copy_(mean)
        self._layer.running_var.copy_(variance)


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
