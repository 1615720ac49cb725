"""Dense graphs -> PyTorch Geometric: the one place where they are converted."""

from __future__ import annotations

import numpy as np
import torch
from torch_geometric.data import Batch, Data

from search_spaces import SearchSpace


def to_batch(ops: np.ndarray, adjacency: np.ndarray) -> Batch:
    """(B, N) operations and their (N, N) or (B, N, N) adjacency -> a PyG batch.

    Node attributes: ``op`` and ``position``, both (B * N,) int64. ``edge_index`` runs along the edges.
    """
    count, nodes = ops.shape
    stacked = np.broadcast_to(adjacency, (count, nodes, nodes))
    graph, source, target = (torch.from_numpy(index) for index in np.nonzero(stacked))
    batch = Batch(_base_cls=Data)
    batch.op = torch.from_numpy(np.ascontiguousarray(ops)).reshape(-1)
    batch.position = torch.arange(nodes).repeat(count)
    batch.edge_index = torch.stack([graph * nodes + source, graph * nodes + target])
    batch.batch = torch.arange(count).repeat_interleave(nodes)
    batch.ptr = torch.arange(count + 1) * nodes
    batch.num_nodes = count * nodes
    batch._num_graphs = count
    return batch


def space_batch(space: SearchSpace, codes: np.ndarray) -> Batch:
    """A PyG batch of the graphs that predictors see of a space's codes (B, S), each with its own edges where free."""
    space, codes = space.seen_as or space, space.seen(codes)
    ops = codes[:, : space.num_nodes]
    return to_batch(ops, space.adjacencies(codes) if len(space.free_edges) else space.adjacency)
