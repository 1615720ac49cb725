"""The fixed part of the MobileNetV3 networks: widths, strides, activations, and where squeeze-and-excitation stands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from search_spaces.mbv3.architecture import SLOTS_PER_STAGE


class Stage(NamedTuple):
    """One elastic stage: channels in and out, stride of its first block, h-swish or ReLU, with or without SE."""

    in_width: int
    out_width: int
    stride: int
    h_swish: bool
    squeeze_excite: bool


class Layout(NamedTuple):
    """What all networks of a width have: channels of the stem, the stages, channels of the head and of the features."""

    stem: int
    stages: tuple[Stage, ...]
    head: int
    features: int


# Networks of width 1; those of another width have so many times the channels, in multiples of 8.
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


class Place(NamedTuple):
    """Where a slot's block stands: its stage, channels in, stride, and the sides of its maps in pixels, in and out."""

    stage: Stage
    position: int
    in_width: int
    stride: int
    in_side: int
    out_side: int


@cache
def scaled_layout(width: float = 1.0) -> Layout:
    """The layout of the networks of a width; raises ValueError for a width that is not from 0.05 to 10."""
    if not 0.05 <= width <= 10:
        raise ValueError(f"the width of mbv3 networks must be from 0.05 to 10, not {width:g}")
    stages = (
        stage._replace(in_width=channels(stage.in_width * width), out_width=channels(stage.out_width * width))
        for stage in STAGES
    )
    return Layout(
        channels(STEM_WIDTH * width), tuple(stages), channels(HEAD_WIDTH * width), channels(FEATURE_WIDTH * width)
    )


def places(layout: Layout, image_size: int) -> Iterator[Place]:
    """The places of all twenty slots, from the first to the last. Skipped ones change no shape: they keep it."""
    side = halved(image_size)
    for stage in layout.stages:
        for position in range(SLOTS_PER_STAGE):
            in_width, stride = (stage.in_width, stage.stride) if position == 0 else (stage.out_width, 1)
            out_side = halved(side) if stride == 2 else side
            yield Place(stage, position, in_width, stride, side, out_side)
            side = out_side


def halved(side: int) -> int:
    """The side of a map after a convolution of stride 2 with padding kernel // 2."""
    return (side + 1) // 2


def channels(wanted: float) -> int:
    """The nearest multiple of 8, the one above if the nearest would lose more than a tenth; at least 8."""
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def squeeze_width(width: int) -> int:
    """The channels between the two layers of a squeeze-and-excitation of so many channels: a quarter."""
    return channels(width // 4)
