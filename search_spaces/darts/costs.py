"""The exact costs of a DARTS network, as sums over tables of its edges."""

from __future__ import annotations

from functools import cache

from search_spaces.architecture import Costs
from search_spaces.darts.architecture import FREE_NAMES, OP_NAMES, DARTSArchitecture
from search_spaces.darts.layout import CELLS, CHANNELS, INPUTS, NODES, STEM_MULTIPLIER, reductions

# (params, macs) of the operations of one cell, by index, on nodes of it and on its inputs.
Table = list[tuple[tuple[int, int], tuple[int, int]]]


def network_costs(
    architecture: DARTSArchitecture, num_classes: int, image_size: int, channels: int = CHANNELS, cells: int = CELLS
) -> Costs:
    """Parameters and MACs of the network without an auxiliary head; image_size in pixels."""
    width, params, macs, tables = _tables(image_size, channels, cells)
    for table, edges in zip(tables, architecture.cells, strict=True):
        for op, source in edges:
            edge_params, edge_macs = table[op][source < INPUTS]
            params += edge_params
            macs += edge_macs
    return Costs(params=params + (width + 1) * num_classes, macs=macs + width * num_classes)


@cache
def _tables(image_size: int, channels: int, cells: int) -> tuple[int, int, int, tuple[Table, Table]]:
    """The width that the classifier sees, (params, macs) of the rest that is fixed, and those of the edges.

    An edge's costs are summed over all cells of its kind, the normal ones first: [op][whether its source is an input].
    """
    if image_size < 4 or image_size % 4:
        raise ValueError(f"image_size must be a multiple of 4 (the map is halved twice), not {image_size}")
    stem = STEM_MULTIPLIER * channels
    params, macs = 27 * stem + 2 * stem, 27 * stem * image_size**2
    tables: tuple[Table, Table] = ([((0, 0), (0, 0))] * len(OP_NAMES), [((0, 0), (0, 0))] * len(OP_NAMES))
    before, last, width, side = stem, stem, channels, image_size
    for position in range(cells):
        reduces = position in reductions(cells)
        if reduces:
            width *= 2
        # Both inputs become as wide as the cell by 1x1 convolutions with batch norms, at the size of the latter input.
        params += (before + last) * width + 2 * 2 * width
        macs += (before + last) * width * side**2
        out_side = side // 2 if reduces else side
        table = tables[reduces]
        for op, name in enumerate(OP_NAMES):
            if name in FREE_NAMES:
                kept, halved = table[op]
                table[op] = (_plus(kept, name, width, 1, out_side), _plus(halved, name, width, 1 + reduces, out_side))
        before, last, side = last, NODES * width, out_side
    return last, params, macs, tables


def _plus(sums: tuple[int, int], name: str, width: int, stride: int, out_side: int) -> tuple[int, int]:
    """The sums with those of one more operation: each repetition has a batch norm behind its convolutions."""
    if name == "skip_connect":
        weights, repeats = width**2, int(stride == 2)
    elif "conv" in name:
        weights, repeats = int(name[-1]) ** 2 * width + width**2, 2 if name.startswith("sep") else 1
    else:
        weights, repeats = 0, 0
    params, macs = sums
    return params + repeats * (weights + 2 * width), macs + repeats * weights * out_side**2
