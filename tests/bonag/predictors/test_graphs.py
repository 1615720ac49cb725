"""A PyG batch holds exactly the graphs that went in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch_geometric.data import Batch, Data
from torch_geometric.utils import to_dense_adj

from bonag.predictors.graphs import space_batch, to_batch
from search_spaces import SearchSpace


@st.composite
def dense_graphs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Operations (B, N) and strictly upper triangular adjacency (B, N, N)."""
    count, nodes = draw(st.integers(1, 5)), draw(st.integers(1, 7))
    ops = draw(arrays(np.int64, (count, nodes), elements=st.integers(0, 9)))
    return ops, np.triu(draw(arrays(np.bool_, (count, nodes, nodes))), k=1)


@given(dense_graphs())
def test_nodes_and_edges_are_those_of_the_dense_form(graphs: tuple[np.ndarray, np.ndarray]) -> None:
    ops, adjacency = graphs
    count, nodes = ops.shape
    batch = to_batch(ops, adjacency)
    assert (batch.num_graphs, batch.num_nodes, batch.num_edges) == (count, count * nodes, adjacency.sum())
    assert np.array_equal(batch.op.reshape(count, nodes), ops)
    assert np.array_equal(batch.position.reshape(count, nodes), np.tile(np.arange(nodes), (count, 1)))
    back = to_dense_adj(batch.edge_index, batch.batch, max_num_nodes=nodes, batch_size=count)
    assert np.array_equal(back.bool(), adjacency)


@pytest.mark.slow
@given(dense_graphs())
def test_it_equals_the_batch_that_pyg_makes_of_single_graphs(graphs: tuple[np.ndarray, np.ndarray]) -> None:
    ops, adjacency = graphs
    singles = [
        Data(
            op=torch.from_numpy(row),
            position=torch.arange(len(row)),
            edge_index=torch.from_numpy(np.stack(np.nonzero(edges))),
            num_nodes=len(row),
        )
        for row, edges in zip(ops, adjacency, strict=True)
    ]
    batch, reference = to_batch(ops, adjacency), Batch.from_data_list(singles)
    for name in ("op", "position", "edge_index", "batch", "ptr"):
        assert torch.equal(batch[name], reference[name])


@given(dense_graphs())
def test_one_adjacency_serves_all(graphs: tuple[np.ndarray, np.ndarray]) -> None:
    ops, adjacency = graphs
    shared, each = to_batch(ops, adjacency[0]), to_batch(ops, np.repeat(adjacency[:1], len(ops), axis=0))
    assert torch.equal(shared.edge_index, each.edge_index)


def test_a_space_gives_its_topology(nb201: SearchSpace) -> None:
    codes = nb201.codes(nb201.sample(3, np.random.default_rng(0)))
    batch = space_batch(nb201, codes)
    assert batch.num_edges == 3 * nb201.adjacency.sum() == 30
    assert batch.edge_index.max() < batch.num_nodes == 24


@pytest.mark.parametrize("name", ["learned_cells", "nb101", "darts", "nbgraph"])
def test_where_edges_are_free_every_graph_brings_its_own(request: pytest.FixtureRequest, name: str) -> None:
    space = request.getfixturevalue(name)
    architectures = space.sample(20, np.random.default_rng(0))
    graphs = [space.encode(architecture) for architecture in architectures]
    batch = space_batch(space, space.codes(architectures))
    back = to_dense_adj(batch.edge_index, batch.batch, max_num_nodes=space.num_nodes, batch_size=len(graphs))
    assert np.array_equal(back.bool(), np.stack([graph.adjacency for graph in graphs]))
    assert np.array_equal(batch.op, np.concatenate([graph.ops for graph in graphs]))
