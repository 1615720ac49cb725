"""Paths of graphs from their sources to their sinks: how many, which, and what lies on one."""

from __future__ import annotations

import numpy as np


def on_paths(edges: np.ndarray, sources: np.ndarray, sinks: np.ndarray) -> np.ndarray:
    """Whether a path from a source to a sink leads through each node: (B, N).

    edges: (B, N, N) bool, upper triangular. sources, sinks: (B, N) bool.
    """
    # Backwards it is the same, the nodes counted from the end.
    backwards = edges[:, ::-1, ::-1].swapaxes(1, 2)
    return _reach(edges, sources) & _reach(backwards, sinks[:, ::-1])[:, ::-1]


def _reach(edges: np.ndarray, starts: np.ndarray) -> np.ndarray:
    reached = starts.copy()
    possible = np.asarray(edges.any(axis=0))
    for node in np.flatnonzero(possible.any(axis=0)):
        before = np.flatnonzero(possible[:, node])
        reached[:, node] |= (reached[:, before] & edges[:, before, node]).any(axis=1)
    return reached


def count_paths(adjacency: np.ndarray) -> int:
    """How many paths lead from a node without predecessors to one without successors: (N, N) upper triangular."""
    arriving = [0] * len(adjacency)
    for node in range(len(adjacency)):
        before = np.flatnonzero(adjacency[:, node]).tolist()
        arriving[node] = sum(arriving[other] for other in before) if before else 1
    return sum(arriving[int(sink)] for sink in np.flatnonzero(~adjacency.any(axis=1)))


def list_paths(adjacency: np.ndarray) -> list[list[int]]:
    """All of those paths, as nodes; the shortest first."""
    unfinished = [[int(source)] for source in np.flatnonzero(~adjacency.any(axis=0))]
    paths = []
    while unfinished:
        path = unfinished.pop()
        following = np.flatnonzero(adjacency[path[-1]]).tolist()
        if not following:
            paths.append(path)
        unfinished += [[*path, node] for node in following]
    return sorted(paths, key=lambda path: (len(path), path))
