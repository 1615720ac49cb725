"""The fixed part of the MobileNetV3 networks: widths, strides, activations, and where squeeze-and-excitation stands."""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """One elastic stage: channels in and out, stride of its first block, h-swish or ReLU, with or without SE."""

    in_width: int
    out_width: int
    stride: int
    h_swish: bool
    squeeze_excite: bool


STEM_WIDTH = 16
STAGES = (
    Stage(16, 24, stride=2, h_swish=False, squeeze_excite=False),
    Stage(24, 40, stride=2, h_swish=False, squeeze_excite=True),
    Stage(40, 80, stride=2, h_swish=True, squeeze_excite=False),
    Stage(80, 112, stride=1, h_swish=True, squeeze_excite=True),
    Stage(112, 160, stride=2, h_swish=True, squeeze_excite=True),
)
HEAD_WIDTH = 960
FEATURE_WIDTH = 1280


def squeeze_width(channels: int) -> int:
    """A quarter of the channels, rounded to a multiple of 8, up if rounding down would lose more than a tenth."""
    quarter = channels // 4
    rounded = max(8, (quarter + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * quarter else rounded
