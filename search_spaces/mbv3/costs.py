"""The exact costs of a MobileNetV3 network, as sums over tables of its blocks."""

from __future__ import annotations

from functools import cache

from search_spaces.architecture import Costs
from search_spaces.mbv3.architecture import BLOCKS, MBV3Architecture
from search_spaces.mbv3.layout import Place, halved, places, scaled_layout, squeeze_width


def network_costs(architecture: MBV3Architecture, num_classes: int, image_size: int, width: float = 1.0) -> Costs:
    """Parameters and MACs, including those of the squeeze-and-excitation layers, at any image size in pixels."""
    params, macs, blocks = _tables(image_size, width)
    features = scaled_layout(width).features
    for row, op in zip(blocks, architecture.ops, strict=True):
        block_params, block_macs = row[op]
        params += block_params
        macs += block_macs
    return Costs(params=params + (features + 1) * num_classes, macs=macs + features * num_classes)


@cache
def _tables(image_size: int, width: float) -> tuple[int, int, list[list[tuple[int, int]]]]:
    """(params, macs) of all that is fixed but the classifier, and of every operation in every slot: [slot][op]."""
    if image_size < 1:
        raise ValueError(f"image_size must be at least 1 pixel, not {image_size}")
    layout, side = scaled_layout(width), halved(image_size)
    weights = 27 * layout.stem + 9 * layout.stem + layout.stem**2
    params, macs = weights + 3 * 2 * layout.stem, weights * side**2
    blocks = []
    for place in places(layout, image_size):
        blocks.append([*(_block(place, kernel, expand) for kernel, expand in BLOCKS), (0, 0)])
        side = place.out_side
    head, features = layout.stages[-1].out_width * layout.head, layout.head * layout.features
    return params + head + 2 * layout.head + features, macs + head * side**2 + features, blocks


def _block(place: Place, kernel: int, expand: int) -> tuple[int, int]:
    mid, out_width = place.in_width * expand, place.stage.out_width
    expansion, depthwise, projection = place.in_width * mid, kernel**2 * mid, mid * out_width
    params = expansion + depthwise + projection + 2 * (2 * mid + out_width)
    macs = expansion * place.in_side**2 + (depthwise + projection) * place.out_side**2
    if place.stage.squeeze_excite:
        squeezed = squeeze_width(mid)
        params += 2 * mid * squeezed + squeezed + mid
        macs += 2 * mid * squeezed
    return params, macs
