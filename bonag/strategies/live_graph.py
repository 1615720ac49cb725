"""What of an architecture graph computes anything."""

from __future__ import annotations

import numpy as np

from bonag.predictors.live_paths import on_paths
from search_spaces import SearchSpace


def live_graphs(space: SearchSpace, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B, S) codes -> (B, N) bool, the nodes that are left, and (B, N, N) bool, the edges among them.

    Null nodes are taken away, identity nodes are bridged, and so is what is on no path from a source to a sink: the
    graphs on which NAS-BOWL works (Ru et al., 2021, appendix). Sources and sinks stay, even where nothing joins them.
    """
    ops, edges = codes[:, : space.num_nodes], space.adjacencies(codes)
    present = np.ones(ops.shape, dtype=bool) if space.null_op is None else ops != space.null_op
    sources = present & ~edges.any(axis=1)
    sinks = present & ~edges.any(axis=2)
    edges &= present[:, :, None] & present[:, None, :]
    if space.identity_op is not None:
        for node in range(space.num_nodes):
            bridged = ops[:, node] == space.identity_op
            into, out = edges[:, :, node] & bridged[:, None], edges[:, node] & bridged[:, None]
            edges |= into[:, :, None] & out[:, None, :]
            # An end that passes on what it gets is no end, but its neighbours are.
            sources |= out & sources[:, node, None]
            sinks |= into & sinks[:, node, None]
            edges[bridged, node] = False
            edges[bridged, :, node] = False
            present[bridged, node] = False
            sources[bridged, node] = False
            sinks[bridged, node] = False
    live = present & (on_paths(edges, sources, sinks) | sources | sinks)
    return live, edges & live[:, :, None] & live[:, None, :]
