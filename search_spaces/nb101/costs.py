"""The exact costs of the network of a NAS-Bench-101 cell."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces.architecture import Costs
from search_spaces.nb101.layout import CELLS_PER_STACK, STEM_WIDTH, node_widths, stack_widths

KERNEL_AREAS = {"conv3x3-bn-relu": 9, "conv1x1-bn-relu": 1}


def cell_costs(
    op_names: Sequence[str],
    edges: Sequence[tuple[int, int]],
    num_classes: int,
    image_size: int,
    channels: int = STEM_WIDTH,
    cells: int = CELLS_PER_STACK,
) -> Costs:
    """Parameters and MACs of the network: op_names are those of the inner nodes, edges as in ``node_widths``, all else
    is as in ``CellNetwork``."""
    if image_size < 1:
        raise ValueError(f"image_size must be at least 1, not {image_size}")
    fed = [j for i, j in edges if i == 0]
    stem = 3 * 9 * channels
    params = stem + 2 * channels
    macs = stem * image_size**2
    side, entering = image_size, channels
    for stack, width in enumerate(stack_widths(channels)):
        if stack:
            side = -(-side // 2)
        widths = node_widths(edges, len(op_names) + 2, width)
        areas = [(KERNEL_AREAS.get(name, 0), widths[node]) for node, name in enumerate(op_names, start=1)]
        projected = sum(widths[node] for node in fed)
        # Only the projections of the first cell see the width of the stack before.
        weights = cells * sum(area * wide**2 for area, wide in areas)
        weights += projected * (entering + (cells - 1) * width)
        normed = projected + sum(wide for area, wide in areas if area)
        params += weights + cells * 2 * normed
        macs += weights * side**2
        entering = width
    return Costs(params=params + (entering + 1) * num_classes, macs=macs + entering * num_classes)
