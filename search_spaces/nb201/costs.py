"""The exact costs of the network of a NAS-Bench-201 cell."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces.architecture import Costs
from search_spaces.nb201.layout import CELLS_PER_STAGE, WIDTHS, stage_widths


def cell_costs(
    op_names: Sequence[str],
    num_classes: int,
    image_size: int,
    channels: int = WIDTHS[0],
    cells: int = CELLS_PER_STAGE,
) -> Costs:
    """Parameters and MACs of the stand-alone network: op_names are the operations of the six edges, all else is as in
    ``CellNetwork``.

    The benchmark's own FLOPs are these MACs plus the ``num_classes`` additions of the classifier's bias.
    Operations that do not reach the output count too, as they do there.
    """
    if image_size < 4 or image_size % 4:
        raise ValueError(f"image_size must be a multiple of 4 (the map is halved twice), not {image_size}")
    threes, ones = op_names.count("nor_conv_3x3"), op_names.count("nor_conv_1x1")

    stem = 3 * 9 * channels
    params = stem + 2 * channels
    macs = stem * image_size**2
    side = image_size
    widths = stage_widths(channels)
    for stage, width in enumerate(widths):
        if stage:
            side //= 2
            before = widths[stage - 1]
            # Two 3x3 convolutions on the way, a 1x1 convolution beside it; only the former have batch norms.
            weights = 9 * before * width + 9 * width * width + before * width
            params += weights + 2 * (2 * width)
            macs += weights * side**2
        weights = (9 * threes + ones) * width**2
        params += cells * (weights + 2 * width * (threes + ones))
        macs += cells * weights * side**2
    params += 2 * widths[-1] + (widths[-1] + 1) * num_classes
    macs += widths[-1] * num_classes
    return Costs(params=params, macs=macs)
