"""The fixed part of the NAS-Bench-201 networks: the edges of a cell, and how cells are stacked."""

from __future__ import annotations

# The edges (target, source) of a cell in the order of its string.
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
WIDTHS = (16, 32, 64)
CELLS_PER_STAGE = 5


def stage_widths(channels: int) -> list[int]:
    """Channels of the stages, of ``channels`` in the first."""
    return [channels * width // WIDTHS[0] for width in WIDTHS]
