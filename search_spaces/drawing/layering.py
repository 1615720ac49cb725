"""Where the boxes of a directed acyclic graph stand, and how its edges go around them.

The layered method of Sugiyama, Tagawa and Toda (1981): every node stands one layer below the lowest that it hangs on,
edges that skip layers leave a slot open in each, and a few sweeps order every layer by where its neighbours are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 12
SLOT = 12.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """centres: of each node. routes: the points of each edge, from the foot of one box to the top of the other.

    Pixels; y grows downwards.
    """

    centres: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def layers_of(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each node: 0 for those without a source, else one more than their lowest source's."""
    layer = [0] * count
    for i, j in sorted(edges, key=lambda edge: edge[1]):
        layer[j] = max(layer[j], layer[i] + 1)
    return layer


def lay_out(
    widths: Sequence[float], height: float, edges: Sequence[tuple[int, int]], gap: Point = (10.0, 26.0)
) -> Layout:
    """Place boxes of these widths and one height. edges: pairs i < j in topological order. gap: between boxes."""
    layer = layers_of(len(widths), edges)
    sizes = list(widths)
    paths: list[list[int]] = []
    for i, j in edges:
        path = [i]
        for level in range(layer[i] + 1, layer[j]):
            layer.append(level)
            sizes.append(SLOT)
            path.append(len(sizes) - 1)
        paths.append([*path, j])
    above: list[list[int]] = [[] for _ in sizes]
    below: list[list[int]] = [[] for _ in sizes]
    for path in paths:
        for a, b in pairwise(path):
            above[b].append(a)
            below[a].append(b)
    rows = [[v for v in range(len(sizes)) if layer[v] == level] for level in range(max(layer, default=-1) + 1)]
    xs = _places(_order(rows, above, below), sizes, above, below, gap[0])
    left = min((x - size / 2 for x, size in zip(xs, sizes, strict=True)), default=0.0)
    xs = [x - left for x in xs]
    middles = [height / 2 + level * (height + gap[1]) for level in layer]
    routes = []
    for path in paths:
        points = [(xs[path[0]], middles[path[0]] + height / 2)]
        for slot in path[1:-1]:
            points += [(xs[slot], middles[slot] - height / 2), (xs[slot], middles[slot] + height / 2)]
        routes.append((*points, (xs[path[-1]], middles[path[-1]] - height / 2)))
    return Layout(
        tuple(zip(xs[: len(widths)], middles[: len(widths)], strict=True)),
        tuple(routes),
        max((x + size / 2 for x, size in zip(xs, sizes, strict=True)), default=0.0),
        len(rows) * (height + gap[1]) - gap[1] if rows else 0.0,
    )


def _order(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> list[list[int]]:
    """The rows with the fewest crossings that alternating sweeps find."""
    best, fewest = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(SWEEPS):
        near = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            spot = {v: place / max(len(r) - 1, 1) for r in rows for place, v in enumerate(r)}
            keys = {v: sum(spot[u] for u in near[v]) / len(near[v]) if near[v] else spot[v] for v in row}
            row.sort(key=keys.__getitem__)
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(rows: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    spot = {v: place for row in rows for place, v in enumerate(row)}
    total = 0
    for row in rows:
        ends = [spot[b] for v in row for b in sorted(below[v], key=spot.__getitem__)]
        total += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return total


def _places(
    rows: list[list[int]], sizes: list[float], above: list[list[int]], below: list[list[int]], gap: float
) -> list[float]:
    """The x of every node: each row is centred, then pulled towards what it hangs on, without ever overlapping."""
    xs = [0.0] * len(sizes)
    for row in rows:
        x = -(sum(sizes[v] for v in row) + gap * (len(row) - 1)) / 2
        for v in row:
            xs[v] = x + sizes[v] / 2
            x += sizes[v] + gap
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            near = {v: [*above[v], *below[v]] for v in row}
            wanted = [sum(xs[u] for u in near[v]) / len(near[v]) if near[v] else xs[v] for v in row]
            for v, x in zip(row, _spread(wanted, [sizes[v] for v in row], gap), strict=True):
                xs[v] = x
    return xs


def _spread(wanted: Sequence[float], sizes: Sequence[float], gap: float) -> list[float]:
    """The places nearest to those wanted at which boxes in this order do not overlap (pooled adjacent violators)."""
    offsets = [0.0]
    for a, b in pairwise(sizes):
        offsets.append(offsets[-1] + (a + b) / 2 + gap)
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, count = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, size = blocks.pop()
            mean, count = (mean * count + other * size) / (count + size), count + size
        blocks.append((mean, count))
    starts = [mean for mean, count in blocks for _ in range(count)]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]
