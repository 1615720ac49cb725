"""What networks are given of images, and how many of them they get right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from bonag.training.images import Images

LOOK_BATCH = 500
STATISTICS_OF = 10_000
FIRST = 5


@dataclass(frozen=True)
class Pixels:
    """From bytes to what networks are given: (x / 255 - mean) / stddev of each channel, at a size in pixels."""

    mean: tuple[float, ...]
    stddev: tuple[float, ...]
    image_size: int

    @classmethod
    def of(cls, images: Images, image_size: int) -> Pixels:
        """Mean and standard deviation of the images' channels, three of them, by at most 10,000 of the images."""
        values = images.first(STATISTICS_OF).pixels.double().div_(255)
        three = 3 // values.shape[1]
        means, spreads = values.mean((0, 2, 3)).tolist(), values.std((0, 2, 3), correction=0).tolist()
        return cls(tuple(means * three), tuple(max(one, 1e-3) for one in spreads * three), image_size)

    def prepare(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) uint8 -> (B, 3, S, S) float32, with channels last in memory."""
        images = pixels.float().div_(255)
        if images.shape[-1] != self.image_size:
            size = (self.image_size, self.image_size)
            images = functional.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)
        for channel in range(images.shape[1]):
            images[:, channel].sub_(self.mean[channel]).div_(self.stddev[channel])
        return images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Measured:
    """accuracy, top5: the share of images, in percent, whose class the network finds, at once or among its first five.

    loss: the mean cross-entropy.
    """

    accuracy: float
    top5: float
    loss: float


def measure(network: nn.Module, images: Images, pixels: Pixels) -> float:
    """The accuracy (%) on the images; the network is left in evaluation mode."""
    return measure_closely(network, images, pixels).accuracy


def measure_closely(
    network: nn.Module,
    images: Images,
    pixels: Pixels,
    batch: int = LOOK_BATCH,
    seen: Callable[[int, int], object] = lambda images, right: None,
) -> Measured:
    """All that is measured on the images, ``batch`` at a time; the network is left in evaluation mode.

    seen: called after each batch with how many images there were so far, and of how many the class was found.
    """
    network.eval()
    device = next(network.parameters()).device
    right, among, loss = 0, 0, 0.0
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            rows = slice(start, start + batch)
            logits = network(pixels.prepare(images.pixels[rows].to(device))).float().cpu()
            labels = images.labels[rows]
            right += int((logits.argmax(1) == labels).sum())
            first = logits.topk(min(FIRST, logits.shape[1]), 1).indices
            among += int((first == labels[:, None]).sum())
            loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            seen(start + len(labels), right)
    return Measured(100 * right / len(images), 100 * among / len(images), loss / len(images))
