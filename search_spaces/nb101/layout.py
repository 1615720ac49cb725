"""The fixed part of the NAS-Bench-101 networks: how cells are stacked, and how wide the nodes of a cell are."""

from __future__ import annotations

from collections.abc import Sequence

STEM_WIDTH = 128
STACK_WIDTHS = (128, 256, 512)
CELLS_PER_STACK = 3


def stack_widths(channels: int) -> list[int]:
    """Channels of the stacks, of ``channels`` in the first."""
    return [channels * width // STEM_WIDTH for width in STACK_WIDTHS]


def node_widths(edges: Sequence[tuple[int, int]], num_nodes: int, width: int) -> list[int]:
    """Channels of the nodes of a cell that puts out ``width``: (num_nodes,); the input, node 0, counts as 0 here.

    edges: pairs (i, j), i < j; the last node is the output. It joins what comes from inner nodes channel by channel, so
    these share its width, and the first ones take one more where that leaves a rest; every other inner node is as wide
    as the widest that it feeds (Ying et al., 2019, section 2.2 and figure 1).
    """
    output = num_nodes - 1
    joined = sorted(i for i, j in edges if j == output and i > 0)
    widths = [0] * output + [width]
    for place, node in enumerate(joined):
        widths[node] = width // len(joined) + (place < width % len(joined))
    for node in range(output - 1, 0, -1):
        if node not in joined:
            widths[node] = max(widths[j] for i, j in edges if i == node)
    return widths
