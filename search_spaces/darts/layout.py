"""The fixed part of the DARTS networks: what a cell looks like, and how cells are stacked."""

from __future__ import annotations

INPUTS = 2
NODES = 4
# The stem is this many times as wide as the first cells.
STEM_MULTIPLIER = 3
# The networks that NAS-Bench-301 trained (Zela et al., ICLR 2022): channels of the first cells, and cells.
CHANNELS = 32
CELLS = 8


def reductions(cells: int) -> tuple[int, int]:
    """The positions of the two reduction cells in a stack, counted from 0."""
    return cells // 3, 2 * cells // 3


def stacked_cells(of_each_stage: int | None) -> int:
    """How many cells a network has of so many in each of its three stages, by default NAS-Bench-301's."""
    return CELLS if of_each_stage is None else 3 * of_each_stage
