"""The static MobileNetV3 network of an architecture, in plain PyTorch.

Howard et al., ICCV 2019, as Cai et al., ICLR 2020, made it elastic. All padding is kernel // 2.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from search_spaces.mbv3.layout import scaled_layout, squeeze_width


def conv_norm(
    in_width: int,
    out_width: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    activation: type[nn.Module] = nn.Identity,
) -> nn.Sequential:
    """Convolution without bias, batch norm, activation."""
    kind = DepthwiseConv if groups > 1 else nn.Conv2d
    conv = kind(in_width, out_width, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(out_width), activation=activation()))


class DepthwiseConv(nn.Conv2d):
    """A depthwise convolution that is fast on small maps."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Where nothing is computed but multiply-adds are counted, they are those of whole kernels.
        kernels = self.weight if x.is_meta else within_reach(self.weight, max(x.shape[2:]))
        return nn.functional.conv2d(x, kernels, None, self.stride, kernels.shape[-1] // 2, groups=self.groups)


def within_reach(kernels: torch.Tensor, side: int) -> torch.Tensor:
    """Kernels (C, 1, K, K) without the weights that see nothing but padding on maps of this side.

    The result is the same but for rounding. A 7x7 kernel on a map of one pixel takes fifty times as long.
    """
    beyond = kernels.shape[-1] // 2 - (side - 1)
    return kernels[:, :, beyond:-beyond, beyond:-beyond] if beyond > 0 else kernels


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate that sees the means of all of them: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = squeeze_width(channels)
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean((2, 3), keepdim=True)
        gate: torch.Tensor = nn.functional.hardsigmoid(self.expand(self.reduce(mean).relu()))
        return x * gate


class InvertedResidual(nn.Module):
    """Expansion (none at ratio 1), depthwise convolution, squeeze-and-excitation if any, linear projection.

    The input is added to the output where their shapes agree.
    """

    def __init__(
        self,
        in_width: int,
        out_width: int,
        kernel: int,
        expand: int,
        stride: int,
        activation: type[nn.Module],
        squeeze_excite: bool,
    ) -> None:
        super().__init__()
        mid = in_width * expand
        self.expand: nn.Module = nn.Identity() if expand == 1 else conv_norm(in_width, mid, activation=activation)
        self.depthwise = conv_norm(mid, mid, kernel, stride, groups=mid, activation=activation)
        self.squeeze_excite: nn.Module = SqueezeExcite(mid) if squeeze_excite else nn.Identity()
        self.project = conv_norm(mid, out_width)
        self.has_residual = stride == 1 and in_width == out_width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.project(self.squeeze_excite(self.depthwise(self.expand(x))))
        return x + y if self.has_residual else y


class MobileNetV3(nn.Module):
    """The network: images (B, 3, H, W) -> logits (B, num_classes).

    stages: for each of the five stages, the (kernel, expand ratio) of its blocks. width: times the usual channels.
    """

    def __init__(self, stages: Sequence[Sequence[tuple[int, int]]], num_classes: int, width: float = 1.0) -> None:
        super().__init__()
        layout = scaled_layout(width)
        self.stem = conv_norm(3, layout.stem, 3, stride=2, activation=nn.Hardswish)
        blocks = [InvertedResidual(layout.stem, layout.stem, 3, 1, 1, nn.ReLU, squeeze_excite=False)]
        for fixed, stage in zip(layout.stages, stages, strict=True):
            into, stride = fixed.in_width, fixed.stride
            activation: type[nn.Module] = nn.Hardswish if fixed.h_swish else nn.ReLU
            for kernel, expand in stage:
                blocks.append(
                    InvertedResidual(into, fixed.out_width, kernel, expand, stride, activation, fixed.squeeze_excite)
                )
                into, stride = fixed.out_width, 1
        self.blocks = nn.Sequential(*blocks)
        self.head = conv_norm(layout.stages[-1].out_width, layout.head, activation=nn.Hardswish)
        self.mix = nn.Conv2d(layout.head, layout.features, 1, bias=False)
        self.classifier = nn.Linear(layout.features, num_classes)
        self._initialise()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.head(self.blocks(self.stem(x)))
        x = nn.functional.hardswish(self.mix(x.mean((2, 3), keepdim=True)))
        logits: torch.Tensor = self.classifier(x.flatten(1))
        return logits

    def _initialise(self) -> None:
        """Blocks with a residual begin as the identity (Goyal et al., 2017): deep ones learn from the start."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # Fan-out of a group, where PyTorch's own would count the outputs of all groups.
                fan_out = module.out_channels // module.groups * module.weight[0, 0].numel()
                nn.init.normal_(module.weight, std=(2 / fan_out) ** 0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)
            elif isinstance(module, InvertedResidual) and module.has_residual:
                nn.init.zeros_(module.project.get_parameter("norm.weight"))
