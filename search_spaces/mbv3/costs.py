"""The exact costs of a MobileNetV3 network, as sums over tables of its blocks."""

from __future__ import annotations

from functools import cache

from search_spaces.architecture import Costs
from search_spaces.mbv3.architecture import BLOCKS, SLOTS_PER_STAGE, MBV3Architecture
from search_spaces.mbv3.layout import FEATURE_WIDTH, HEAD_WIDTH, STAGES, STEM_WIDTH, squeeze_width


def network_costs(architecture: MBV3Architecture, num_classes: int, image_size: int) -> Costs:
    """Parameters and MACs, including those of the squeeze-and-excitation layers, at any image size in pixels."""
    params, macs, blocks = _tables(image_size)
    for row, op in zip(blocks, architecture.ops, strict=True):
        block_params, block_macs = row[op]
        params += block_params
        macs += block_macs
    return Costs(params=params + (FEATURE_WIDTH + 1) * num_classes, macs=macs + FEATURE_WIDTH * num_classes)


@cache
def _tables(image_size: int) -> tuple[int, int, list[list[tuple[int, int]]]]:
    """(params, macs) of all that is fixed but the classifier, and of every operation in every slot: [slot][op]."""
    if image_size < 1:
        raise ValueError(f"image_size must be at least 1 pixel, not {image_size}")
    side = _halve(image_size)
    weights = 27 * STEM_WIDTH + 9 * STEM_WIDTH + STEM_WIDTH**2
    params, macs = weights + 3 * 2 * STEM_WIDTH, weights * side**2
    blocks = []
    for stage in STAGES:
        for position in range(SLOTS_PER_STAGE):
            in_width, stride = (stage.in_width, stage.stride) if position == 0 else (stage.out_width, 1)
            out_side = _halve(side) if stride == 2 else side
            blocks.append(
                [
                    _block(in_width, stage.out_width, kernel, expand, stage.squeeze_excite, side, out_side)
                    for kernel, expand in BLOCKS
                ]
                + [(0, 0)]
            )
            side = out_side
    head, features = STAGES[-1].out_width * HEAD_WIDTH, HEAD_WIDTH * FEATURE_WIDTH
    return params + head + 2 * HEAD_WIDTH + features, macs + head * side**2 + features, blocks


def _block(
    in_width: int, out_width: int, kernel: int, expand: int, squeeze_excite: bool, in_side: int, out_side: int
) -> tuple[int, int]:
    mid = in_width * expand
    expansion, depthwise, projection = in_width * mid, kernel**2 * mid, mid * out_width
    params = expansion + depthwise + projection + 2 * (2 * mid + out_width)
    macs = expansion * in_side**2 + (depthwise + projection) * out_side**2
    if squeeze_excite:
        squeezed = squeeze_width(mid)
        params += 2 * mid * squeezed + squeezed + mid
        macs += 2 * mid * squeezed
    return params, macs


def _halve(side: int) -> int:
    """The side of a map after a convolution of stride 2 with padding kernel // 2."""
    return (side + 1) // 2
