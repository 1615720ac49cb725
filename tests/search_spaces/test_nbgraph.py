"""NAS-Bench-Graph: trees that compute the same are one architecture, with networks of PyTorch Geometric's layers."""

from __future__ import annotations

import inspect
import pickle
from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import nn
from torch.nn.functional import cross_entropy
from torch_geometric import nn as geometric

from search_spaces import ArchGraph, InvalidArchitectureError, NetworkSize, get_space
from search_spaces.counting import network_costs
from search_spaces.nbgraph import NBGraph, NBGraphArchitecture, NBGraphProteins
from search_spaces.nbgraph.trees import MAX_NODES, OPERATIONS, pad

SPACE, FEW = NBGraph(), NBGraphProteins()
EVERY = SPACE.all()
# The example of the benchmark's authors, in their order of its nodes and in the canonical one.
EXAMPLE = "gcn~0|gin~1|fc~2|cheb~1", "gcn~0|gin~1|cheb~1|fc~2"


def random_trees(n, rng, share=0.4):
    """Trees of four nodes, of which many are skips."""
    for _ in range(n):
        inputs = tuple(int(rng.integers(node + 1)) for node in range(MAX_NODES))
        yield inputs, tuple("skip" if rng.random() < share else str(rng.choice(OPERATIONS)) for _ in range(MAX_NODES))


def folded(inputs, op_names):
    try:
        return NBGraphArchitecture.of(inputs, op_names)
    except InvalidArchitectureError:
        return None


# What is one architecture


def test_all_architectures_are_there_once():
    assert (len(EVERY), len(set(EVERY)), len(set(map(str, EVERY)))) == (26_206,) * 3
    assert [len(space.all()) for space in (SPACE, FEW)] == [SPACE.size, FEW.size] == [26_206, 2_021]
    assert set(FEW.all()) == {one for one in EVERY if set(one.op_names) <= {"gcn", "sage", "arma", "fc", "skip"}}
    patterns = {one.inputs for one in EVERY if len(one.inputs) == MAX_NODES}
    assert len(patterns) == 9
    assert {pad(one.inputs, one.ops)[0] for one in EVERY} == patterns


def test_every_tree_is_one_of_them():
    """All trees of up to four nodes of two operations and skips, in every order: none is missing, none is double."""
    names = ("gat", "fc", "skip")
    found = {
        folded(inputs, ops)
        for count in range(1, MAX_NODES + 1)
        for inputs in product(*map(range, range(1, count + 1)))
        for ops in product(names, repeat=count)
    }
    assert found - {None} == {one for one in EVERY if set(one.op_names) <= set(names)}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        EXAMPLE,
        ("skip~0|gcn~1", "gcn~0"),  # what reads a skip reads what it reads
        ("gcn~0|skip~1|gat~2|fc~2", "gcn~0|gat~1|fc~1"),
        ("gcn~0|skip~1", "gcn~0"),  # a leaf that says what its input says as a leaf
        ("gcn~0|skip~0", "gcn~0"),  # the raw input is no part of the output
        ("gcn~0|skip~0|skip~2|gat~1", "gcn~0|gat~1"),
        ("fc~0|gat~0", "gat~0|fc~0"),
        ("gcn~0|skip~1|gat~1", "gcn~0|gat~1|skip~1"),
    ],
)
def test_trees_that_compute_the_same_are_one(text, same):
    assert str(SPACE.parse(text)) == same
    assert SPACE.parse(text) == SPACE.parse(same)
    assert hash(SPACE.parse(text)) == hash(SPACE.parse(same))


@pytest.mark.parametrize("text", ["gcn~0|skip~1|gat~1", "gcn~0|skip~1|skip~1", "gcn~0|gcn~0", "gcn~0|gcn~1"])
def test_trees_that_compute_something_else_are_not(text):
    assert len({str(SPACE.parse(other)) for other in (text, "gcn~0", "gcn~0|gat~1")}) == 3


def test_networks_of_skips_alone_are_none():
    assert folded((0, 1), ("skip", "skip")) is None
    with pytest.raises(InvalidArchitectureError, match="a network of skips alone computes nothing"):
        SPACE.parse("skip~0|skip~0|skip~1|skip~2")


def test_an_architecture_is_made_in_canonical_order_only():
    with pytest.raises(InvalidArchitectureError, match=r"'fc~0\|gat~0' is not in canonical order"):
        NBGraphArchitecture((0, 0), ("fc", "gat"))
    architecture = NBGraphArchitecture.of((0, 0), ("fc", "gat"))
    assert pickle.loads(pickle.dumps(architecture)) == architecture  # noqa: S301


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gcn~0|gcnn~1", r"node 2, 'gcnn~1', has the unknown operation 'gcnn': did you mean 'gcn'\?"),
        ("gcn~0|gat~2", "node 2, 'gat~2', must tell after '~' which of 0, 1 it reads, not '2'"),
        ("gcn", "node 1, 'gcn', must tell after '~' which of 0 it reads, not ''"),
        ("gcn~0|gcn~0|gcn~0|gcn~0|gcn~0", "has 5 nodes between bars, it can have 4"),
        ("", "node 1, '', has the unknown operation ''"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(text, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        SPACE.parse(text)


def test_operations_that_were_not_measured_are_not_in_the_smaller_space():
    with pytest.raises(InvalidArchitectureError, match="unknown operation 'gat': choose from gcn, sage"):
        FEW.parse("gat~0")


# Graphs, codes and the rest of the contract


def test_the_graph_leads_from_the_input_over_the_nodes_to_the_output():
    graph = SPACE.encode(SPACE.parse("gcn~0|gat~1|skip~1"))
    assert [SPACE.op_names[op] for op in graph.ops] == ["input", "gcn", "gat", "skip", "absent", "output"]
    assert np.argwhere(graph.adjacency).tolist() == [[0, 1], [1, 2], [1, 3], [2, 5], [3, 5]]


def test_graphs_are_read_in_any_order_of_their_nodes():
    rng = np.random.default_rng(0)
    read = 0
    for inputs, names in random_trees(300, rng, share=0.2):
        if names[0] == "skip":
            continue  # the first node is neither a skip nor absent in any architecture
        adjacency = np.zeros((6, 6), dtype=bool)
        adjacency[list(inputs), range(1, 5)] = True
        adjacency[1:5, 5] = ~adjacency[1:5].any(axis=1)
        ops = np.array([0, *map(SPACE.op_names.index, names), 1])
        assert SPACE.decode(ArchGraph(ops, adjacency)) == NBGraphArchitecture.of(inputs, names)
        read += 1
    assert read > 200


@pytest.mark.parametrize(
    ("ops", "edges", "message"),
    [
        (("gcn", "absent", "gat", "absent"), [(0, 1), (1, 2), (1, 3), (3, 5)], "node 2 of the graph is absent"),
        (("gcn", "gat", "absent", "absent"), [(0, 1), (1, 2), (0, 2), (2, 5)], "node 2 of the graph reads 2 nodes"),
        (("gcn", "gat", "absent", "absent"), [(0, 1), (1, 5)], "node 2 of the graph reads 0 nodes"),
        (("gcn", "gat", "absent", "absent"), [(0, 1), (1, 2), (1, 5), (2, 5)], r"must read the leaves \[2\]"),
        (("gcn", "gat", "absent", "absent"), [(0, 1), (1, 2)], r"must read the leaves \[2\]"),
        (("gcn", "gat", "absent", "absent"), [(0, 2), (2, 5)], "it must have 0 -> 1"),
        (("skip", "gat", "absent", "absent"), [(0, 1), (1, 2), (2, 5)], "node 1 of the graph is 'skip'"),
    ],
)
def test_graphs_of_no_network_are_refused(ops, edges, message):
    adjacency = np.zeros((6, 6), dtype=bool)
    adjacency[tuple(np.transpose(edges))] = True
    with pytest.raises(InvalidArchitectureError, match=message):
        SPACE.decode(ArchGraph(np.array([0, *map(SPACE.op_names.index, ops), 1]), adjacency))


@pytest.mark.parametrize("space", [SPACE, FEW], ids=lambda space: space.name)
def test_the_nearest_architectures_are_found_among_all(space):
    codes, sites = space.codes(space.all()), np.arange(space.num_sites)
    scores = np.random.default_rng(1).normal(size=(12, space.num_sites, int(space.site_classes.max())))
    scores[0, 2, 2] = -np.inf
    for row, found in zip(scores, space.project(scores), strict=True):
        sums = row[sites, codes].sum(axis=1)
        assert row[sites, space.codes([found])[0]].sum() == pytest.approx(sums.max())
    assert space.nearest(codes[::7]) == space.all()[::7]


def test_architectures_are_drawn_uniformly():
    counts = Counter(FEW.sample(40 * FEW.size, np.random.default_rng(0)))
    assert chisquare([counts[one] for one in FEW.all()]).pvalue > 1e-3


def test_parameters_are_those_of_the_benchmark():
    values = SPACE.to_parameters(SPACE.parse("gcn~0|gat~1"))
    assert values == {
        **{"op_1": "skip", "op_2": "skip", "op_3": "gcn", "op_4": "gat"},
        **{"input_2": 1, "input_3": 2, "input_4": 3},
    }
    assert SPACE.from_parameters(values) == SPACE.parse("gcn~0|gat~1")
    assert SPACE.from_parameters({**values, "input_4": 0}) == SPACE.parse("gcn~0|gat~0")
    with pytest.raises(InvalidArchitectureError, match="parameter 'op_1' cannot be 'gta': did you mean 'gat'"):
        SPACE.from_parameters({**values, "op_1": "gta"})


# Neighbours


def test_neighbours_are_those_of_one_edit():
    near = {str(one) for one in FEW.neighbours(FEW.parse("gcn~0"))}
    assert {"fc~0", "gcn~0|gcn~1", "sage~0|gcn~1", "gcn~0|arma~0"} <= near
    assert not {"gcn~0", "fc~0|fc~0|fc~0"} & near
    # With four nodes, an edit gives one of them another operation, or another input.
    architecture = SPACE.parse("gcn~0|gat~1|gin~2|fc~3")
    near = SPACE.neighbours(architecture)
    texts = {str(one) for one in near}
    kept = [one for one in near if one.inputs == architecture.inputs]
    assert all(sum(a != b for a, b in zip(one.op_names, architecture.op_names, strict=True)) == 1 for one in kept)
    assert len(kept) == 4 * 7
    assert {"gcn~0|gin~1|gat~1|fc~2", "gcn~0|gat~1|gin~2", "gat~0|gin~1|fc~2"} <= texts
    assert "gcn~0|gat~1|gin~1|fc~2" not in texts  # two inputs are others there


@pytest.mark.slow
def test_neighbours_lead_everywhere_and_back():
    near = {one: FEW.neighbours(one) for one in FEW.all()}
    assert all(one in near[other] for one, others in near.items() for other in others)
    reached = todo = {FEW.parse("fc~0")}
    while todo:
        todo = {other for one in todo for other in near[one]} - reached
        reached = reached | todo
    assert len(reached) == FEW.size


# Networks


def test_networks_are_of_the_layers_that_users_know():
    kinds = {
        **{"gat": geometric.GATConv, "gcn": geometric.GCNConv, "gin": geometric.GINConv, "cheb": geometric.ChebConv},
        **{"sage": geometric.SAGEConv, "arma": geometric.ARMAConv, "graph": geometric.GraphConv, "fc": nn.Linear},
    }
    assert {*kinds, "skip"} == set(OPERATIONS)
    for name, kind in kinds.items():
        network = SPACE.build(SPACE.parse(f"{name}~0|skip~1|skip~1"), features=12, hidden=6)
        assert [type(node) for node in network.nodes] == [kind, nn.Identity, nn.Identity]
    assert SPACE.build(SPACE.parse("gat~0")).nodes[0].heads == 2
    assert SPACE.build(SPACE.parse("cheb~0")).nodes[0].lins[1].in_channels == 1433


def test_a_node_reads_its_input_and_the_output_joins_the_leaves():
    space = NBGraph()
    network = space.build(space.parse("fc~0|fc~1|skip~1"), 2, features=3, hidden=4, after=0).eval()
    x, edges = torch.randn(5, 3), torch.empty(2, 0, dtype=torch.int64)
    first, second = network.nodes[0], network.nodes[1]
    with torch.inference_mode():
        one = first(x)
        leaves = torch.cat([second(network.norms[1](one).relu()), network.norms[2](one).relu()], dim=1)
        assert torch.allclose(network(x, edges), network.after[0](leaves.relu()), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "skip"])
def test_networks_learn(name):
    """The sign of a feature, on a graph in which every node is joined to itself alone."""
    torch.manual_seed(0)
    network = SPACE.build(SPACE.parse(f"{name}~0|fc~1"), 2, features=4, hidden=8, dropout=0.0)
    x = torch.randn(60, 4)
    nodes = torch.arange(60)
    edges, labels = torch.stack([nodes, nodes]), (x[:, 0] > 0).long()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        loss = cross_entropy(network(x, edges), labels)
        loss.backward()
        optimiser.step()
    assert loss < 0.3


@pytest.mark.slow
def test_costs_are_those_of_the_network():
    rng = np.random.default_rng(3)
    chosen = {"features": 20, "hidden": 6, "before": 1, "after": 2}
    for architecture in SPACE.sample(20, rng):
        for space, arguments in ((SPACE, {}), (SPACE.at(sized(chosen)), chosen)):
            network = space.build(architecture, 5, **arguments)
            costs = space.costs(architecture, 5)
            assert costs == network_costs(network, space.example_inputs(1))
            assert costs.params == sum(parameter.numel() for parameter in network.parameters())


def sized(arguments):
    return NetworkSize(5, None, arguments)


def test_the_space_says_what_its_networks_take():
    assert (SPACE.takes_images, SPACE.input_names) == (False, ("x", "edge_index"))
    x, edges = SPACE.at(sized({"features": 9})).example_inputs(4)
    assert (x.shape, edges.tolist()) == ((4, 9), [[0, 1, 2, 3], [1, 2, 3, 0]])
    assert list(inspect.signature(SPACE.build(EVERY[0]).forward).parameters) == list(SPACE.input_names)
    assert str(SPACE.network_size) == "7 classes"
    assert str(SPACE.at(sized({"features": 9})).network_size) == "5 classes, features 9"


def test_drawings_show_every_node():
    space = get_space("nbgraph")
    drawing = space.draw(space.parse("gcn~0|gat~1|skip~1"))
    assert all(f">{name}<" in drawing for name in ("input", "gcn", "gat", "skip", "output"))
    assert "absent" not in drawing
