"""NAS-Bench-101: isomorphic cells are one architecture, and all of them are there, with the benchmark's networks."""

from __future__ import annotations

import math
import pickle
import time
from itertools import permutations, product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import nn

from search_spaces import ArchGraph, InvalidArchitectureError, get_space
from search_spaces.nb101 import NB101, NB101Architecture
from search_spaces.nb101.isomorphism import OP_BITS, PAIRS, all_keys, graphs, keys, patterns
from search_spaces.nb101.layout import node_widths
from search_spaces.nb101.network import Cell, operation

SPACE = NB101()
CONV3, CONV1, POOL, ABSENT = range(2, 6)
# Two cells that the benchmark's authors show with their parameters, in the order in which their file has them.
INCEPTION = "conv3x3-bn-relu~0|conv1x1-bn-relu~0|maxpool3x3~0|conv3x3-bn-relu~0|conv3x3-bn-relu~4|output~1+2+3+5"
FIRST_OF_THE_FILE = (
    "conv3x3-bn-relu~0|maxpool3x3~1|conv3x3-bn-relu~2|conv3x3-bn-relu~0|conv1x1-bn-relu~0+3+4|output~2+5"
)


def cells_of(indices):
    return [NB101Architecture(key) for key in all_keys()[indices].tolist()]


cells = st.integers(0, NB101.size - 1).map(lambda index: cells_of([index])[0])


def random_graphs(n, rng):
    """Upper-triangular graphs, valid or not, with about as many edges as a cell may have."""
    ops = rng.integers(CONV3, ABSENT + 1, size=(n, 7))
    ops[:, 0], ops[:, 6] = 0, 1
    adjacency = np.triu(rng.random((n, 7, 7)) < 0.42, 1)
    return [ArchGraph(*graph) for graph in zip(ops, adjacency, strict=True)]


def edges_and_ops(graph):
    """The graph without idle nodes, by plain search: (edges, {node: op}), or None if no path leads to the output."""

    def reached(start, forward):
        found, todo = {start}, [start]
        while todo:
            node = todo.pop()
            row = graph.adjacency[node] if forward else graph.adjacency[:, node]
            for other in np.flatnonzero(row).tolist():
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return found

    used = reached(0, True) & reached(6, False)
    if 0 not in used:
        return None
    edges = {(i, j) for i, j in np.argwhere(graph.adjacency).tolist() if i in used and j in used}
    return edges, {node: int(graph.ops[node]) for node in used}


def smallest_name(edges, ops):
    """A name that isomorphic cells share: the smallest of those of all orders of the inner nodes."""
    inner = [node for node in ops if node not in (0, 6)]
    names = []
    for order in permutations(range(1, len(inner) + 1)):
        place = {0: 0, 6: 6} | dict(zip(inner, order, strict=True))
        names.append(
            (sorted((place[i], place[j]) for i, j in edges), sorted((place[node], ops[node]) for node in inner))
        )
    return str(min(names))


def name_of(architecture):
    return smallest_name(*edges_and_ops(SPACE.encode(architecture)))


# Isomorphism


def test_all_cells_are_there_once():
    assert len(all_keys()) == SPACE.size == 423_624
    assert (np.diff(all_keys()) > 0).all()
    ops, bits = graphs(all_keys()[::50])
    adjacency = np.zeros((len(ops), 7, 7), dtype=bool)
    adjacency[:, *np.array(PAIRS).T] = bits
    assert np.array_equal(keys(ops, adjacency), all_keys()[::50])
    assert [str(cell) for cell in cells_of(range(3))] == [
        "output~0",
        "conv3x3-bn-relu~0|output~1",
        "conv1x1-bn-relu~0|output~1",
    ]


@pytest.mark.slow
def test_telling_cells_apart_without_any_order_finds_as_many():
    """All 1.2 million full graphs with operations, told apart by refining the marks of nodes by those of their
    neighbours, as the benchmark's authors did: each mark of a graph belongs to one key, and each key to one mark."""

    def mixed(values):
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            values = (values ^ values >> np.uint64(shift)) * np.uint64(factor)
        return values ^ values >> np.uint64(31)

    found = []
    for count in range(2, 8):
        pairs = [(i, j) for j in range(count) for i in range(j)]
        codes = np.arange(2 ** len(pairs))
        codes = codes[np.bitwise_count(codes) <= 9]
        for node in range(count):
            entering = sum(1 << place for place, (_, j) in enumerate(pairs) if j == node)
            leaving = sum(1 << place for place, (i, _) in enumerate(pairs) if i == node)
            codes = codes[((codes & entering > 0) | (node == 0)) & ((codes & leaving > 0) | (node == count - 1))]
        inner = list(product(range(CONV3, ABSENT), repeat=count - 2))
        nodes = np.array([*range(count - 1), 6])
        tails, heads = nodes[np.array(pairs)].T
        for part in np.array_split(codes, max(1, len(codes) * len(inner) // 100_000)):
            adjacency = np.zeros((len(part), 7, 7), dtype=bool)
            adjacency[:, tails, heads] = part[:, None] >> np.arange(len(pairs)) & 1
            adjacency = np.repeat(adjacency, len(inner), axis=0)
            ops = np.full((len(adjacency), 7), ABSENT)
            ops[:, 0], ops[:, 6], ops[:, 1 : count - 1] = 0, 1, inner * len(part)
            marks = mixed(ops.astype(np.uint64) + np.uint64(99))
            edges = adjacency.astype(np.uint64)
            for _ in range(7):
                before = (mixed(marks)[:, :, None] * edges).sum(axis=1)
                after = (mixed(~marks)[:, None, :] * edges).sum(axis=2)
                marks = mixed(mixed(mixed(before) + after) + marks)
            marks = mixed(marks).sum(axis=1)
            found.append(np.column_stack([marks, keys(ops, adjacency).astype(np.uint64)]))
    pairs_found = np.concatenate(found)
    assert len(pairs_found) > 1_000_000
    distinct = np.unique(pairs_found, axis=0)
    assert len(distinct) == len(np.unique(distinct[:, 0])) == len(np.unique(distinct[:, 1])) == SPACE.size
    assert [cell.key for cell in SPACE.all()] == np.unique(distinct[:, 1]).tolist()


@pytest.mark.slow
def test_graphs_are_one_cell_iff_they_are_isomorphic():
    rng = np.random.default_rng(0)
    small = [graph for graph in random_graphs(2000, rng) if SPACE.is_valid(graph)]
    found = [(SPACE.decode(graph), smallest_name(*edges_and_ops(graph))) for graph in small[:300]]
    assert len({cell for cell, _ in found}) == len({name for _, name in found}) == len(set(found))
    assert len(set(found)) < len(found)


@given(cells, st.randoms(use_true_random=False))
def test_order_of_the_nodes_has_no_effect(cell, random):
    graph = SPACE.encode(cell)
    orders = [(0, *order, 6) for order in permutations(range(1, 6))]
    forward = [order for order in orders if not np.tril(graph.adjacency[np.ix_(order, order)]).any()]
    order = list(random.choice(forward))
    assert SPACE.decode(ArchGraph(graph.ops[order], graph.adjacency[np.ix_(order, order)])) == cell


def test_idle_nodes_are_left_out():
    graph = SPACE.encode(SPACE.parse("maxpool3x3~0|output~1"))
    ops, adjacency = graph.ops.copy(), graph.adjacency.copy()
    ops[2], ops[4] = CONV3, CONV1
    adjacency[0, 2] = adjacency[4, 6] = adjacency[2, 3] = True  # into a dead end, and out of nothing
    assert str(SPACE.decode(ArchGraph(ops, adjacency))) == "maxpool3x3~0|output~1"


@pytest.mark.parametrize(("text", "params"), [(INCEPTION, 2_694_282), (FIRST_OF_THE_FILE, 8_555_530)])
def test_cells_have_the_published_order_and_parameters(text, params):
    cell = SPACE.parse(text)
    assert str(cell) == text
    assert SPACE.costs(cell).params == params


def test_published_inception_cell_is_recognised_in_its_authors_drawing():
    text = "conv1x1-bn-relu~0|conv3x3-bn-relu~0|conv3x3-bn-relu~0|conv3x3-bn-relu~3|maxpool3x3~0|output~1+2+4+5"
    assert str(SPACE.parse(text)) == INCEPTION


# Round trips


@given(cells)
def test_every_encoding_gives_the_cell_back(cell):
    assert SPACE.parse(str(cell)) == cell
    assert SPACE.decode(SPACE.encode(cell)) == cell
    assert SPACE.from_parameters(SPACE.to_parameters(cell)) == cell
    assert pickle.loads(pickle.dumps(cell)) == cell  # noqa: S301
    assert hash(SPACE.parse(str(cell))) == hash(cell)
    assert str(cell) in repr(cell)


@given(cells)
def test_graphs_keep_the_promises_of_the_space(cell):
    graph = SPACE.encode(cell)
    assert graph.ops.dtype == np.int64
    assert not np.tril(graph.adjacency).any()
    assert graph.adjacency.sum() == len(cell.edges) <= 9
    assert (graph.ops[0], graph.ops[6]) == (0, 1)
    absent = graph.ops == ABSENT
    assert not graph.adjacency[absent].any()
    assert not graph.adjacency[:, absent].any()
    assert np.flatnonzero(absent).tolist() == list(range(len(cell.op_names) + 1, 6))
    assert np.array_equal(SPACE.codes([cell])[0], [*graph.ops, *graph.adjacency[np.triu_indices(7, 1)]])


@given(cells)
def test_parameters_are_choices_of_the_space(cell):
    values = SPACE.to_parameters(cell)
    assert list(values) == [parameter.name for parameter in SPACE.parameters()]
    assert all(values[parameter.name] in parameter.values for parameter in SPACE.parameters())
    absent = range(len(cell.op_names) + 1, 6)
    assert all(values[f"op_{node}"] == "conv3x3-bn-relu" for node in absent)
    for node in absent:
        values[f"op_{node}"] = "maxpool3x3"  # inactive
    assert SPACE.from_parameters(values) == cell


def test_many_are_encoded_as_one_is():
    found = SPACE.sample(50, np.random.default_rng(1))
    assert np.array_equal(SPACE.codes(found), np.concatenate([SPACE.codes([cell]) for cell in found]))
    assert SPACE.codes([]).shape == (0, 28)
    assert np.array_equal(SPACE.adjacencies(SPACE.codes(found)), [SPACE.encode(cell).adjacency for cell in found])


# Sampling


def test_samples_are_a_function_of_the_generator():
    assert SPACE.sample(30, np.random.default_rng(5)) == SPACE.sample(30, np.random.default_rng(5))
    assert SPACE.sample(30, np.random.default_rng(5)) != SPACE.sample(30, np.random.default_rng(6))
    assert SPACE.sample(0, np.random.default_rng(5)) == []


@pytest.mark.slow
def test_cells_are_drawn_uniformly():
    drawn = np.array([cell.key for cell in SPACE.sample(100_000, np.random.default_rng(0))])
    places = np.searchsorted(all_keys(), drawn)
    assert chisquare(np.bincount(places * 1000 // SPACE.size, minlength=1000)).pvalue > 1e-3
    assert chisquare(np.bincount(places % 1000, minlength=1000), _expected(1000, len(drawn))).pvalue > 1e-3


def _expected(parts, n):
    return np.bincount(np.arange(SPACE.size) % parts) * n / SPACE.size


# Neighbours


@pytest.mark.slow
def test_neighbours_are_all_cells_one_edit_away():
    """All pairs of small cells of convolutions, against a search through all edits by hand."""
    small = cells_of(range(np.searchsorted(all_keys(), 1 << 19 + OP_BITS)))
    assert {len(cell.op_names) for cell in small} == {0, 1, 2, 3}
    small = [cell for cell in small if "maxpool3x3" not in cell.op_names and len(cell.edges) <= 6]
    names = {name_of(cell): cell for cell in small}
    expected = {cell: set() for cell in small}
    for cell in small:
        graph = SPACE.encode(cell)
        count = len(cell.op_names)
        edits = []
        for node, op in product(range(1, count + 1), range(CONV3, ABSENT)):
            ops = graph.ops.copy()
            ops[node] = op
            edits.append((ArchGraph(ops, graph.adjacency), count))
        for i, j in np.argwhere(graph.adjacency).tolist():
            adjacency = graph.adjacency.copy()
            adjacency[i, j] = False
            edits.append((ArchGraph(graph.ops, adjacency), count - 1))
        for edited, least in edits:
            rest = edges_and_ops(edited)
            if rest and len(rest[1]) - 2 >= least:
                other = names.get(smallest_name(*rest))
                if other not in (None, cell):
                    expected[cell].add(other)
                    expected[other].add(cell)
    assert sum(map(len, expected.values())) > 1000
    for cell in small:
        assert set(SPACE.neighbours(cell)) & set(small) == expected[cell]


@pytest.mark.slow
@given(cells, st.integers(0, 10_000))
def test_neighbourhood_is_symmetric(cell, pick):
    neighbours = SPACE.neighbours(cell)
    assert cell not in neighbours
    assert len(set(neighbours)) == len(neighbours)
    assert cell in SPACE.neighbours(neighbours[pick % len(neighbours)])


def test_edges_of_unordered_nodes_can_run_either_way():
    cell = SPACE.parse("conv3x3-bn-relu~0|maxpool3x3~0|output~1+2")
    found = {str(neighbour) for neighbour in SPACE.neighbours(cell)}
    assert "conv3x3-bn-relu~0|maxpool3x3~0+1|output~1+2" in found
    assert "maxpool3x3~0|conv3x3-bn-relu~0+1|output~1+2" in found


@pytest.mark.slow
def test_every_cell_can_be_reached_from_any_other():
    """Operations change one by one, so it is enough that patterns of edges lead to each other with one operation."""
    todo = [SPACE.parse("output~0")]
    seen = {todo[0].key >> OP_BITS}
    while todo:
        for neighbour in SPACE.neighbours(todo.pop()):
            if neighbour.key >> OP_BITS not in seen and set(neighbour.op_names) <= {"conv3x3-bn-relu"}:
                seen.add(neighbour.key >> OP_BITS)
                todo.append(neighbour)
    assert seen == set(patterns().edges.tolist())


def test_mutation_draws_neighbours_uniformly():
    rng = np.random.default_rng(3)
    (cell,) = SPACE.sample(1, rng)
    neighbours = SPACE.neighbours(cell)
    counts = dict.fromkeys(neighbours, 0)
    for _ in range(20 * len(neighbours)):
        counts[SPACE.mutate(cell, rng)] += 1
    assert len(counts) == len(neighbours)
    assert chisquare(list(counts.values())).pvalue > 1e-3


# Projection


def one_hot(codes):
    return np.eye(6)[codes]


@given(cells)
def test_projection_leaves_cells_alone(cell):
    scores = one_hot(SPACE.codes([cell]))
    assert SPACE.project(scores) == [cell]
    assert SPACE.project(scores.astype(np.float32)) == [cell]


def test_projection_of_a_valid_graph_is_its_cell_in_any_order():
    valid = [graph for graph in random_graphs(500, np.random.default_rng(1)) if SPACE.is_valid(graph)]
    assert len(valid) > 50
    codes = np.array([[*graph.ops, *graph.adjacency[np.triu_indices(7, 1)]] for graph in valid])
    assert SPACE.project(one_hot(codes)) == [SPACE.decode(graph) for graph in valid]


@pytest.mark.slow
@pytest.mark.parametrize("levels", [2, 1000])
def test_projection_of_anything_else_is_the_nearest_cell(levels):
    rng = np.random.default_rng(levels)
    scores = rng.integers(levels, size=(40, 28, 6)).astype(float)
    best = [SPACE.graph(np.r_[0, row[1:6, 2:].argmax(1) + 2, 1, row[7:, :2].argmax(1)]) for row in scores]
    invalid = [row for row, graph in zip(scores, best, strict=True) if not SPACE.is_valid(graph)][:4]
    assert len(invalid) == 4
    ops, bits = graphs(all_keys())
    for row, projected in zip(invalid, SPACE.project(np.array(invalid)), strict=True):
        sums = np.zeros(SPACE.size)
        for site, classes in enumerate([*ops.T, *bits.T]):
            sums += row[site, classes]
        assert projected.key == all_keys()[sums.argmax()]


def test_classes_that_are_ruled_out_are_avoided():
    scores = np.zeros((1, 28, 6))
    scores[:, 1:6, [CONV3, CONV1]] = -np.inf
    scores[:, 7:, 1] = 1
    (cell,) = SPACE.project(scores)
    assert set(cell.op_names) <= {"maxpool3x3"}
    assert len(cell.edges) == 9


def test_projection_of_wrong_shape_says_so():
    with pytest.raises(ValueError, match=r"scores must be \(B, 28, 6\)"):
        SPACE.project(np.zeros((2, 7, 6)))
    assert SPACE.project(np.zeros((0, 28, 6))) == []


# Networks and costs


def counted_macs(network, image_size):
    """Per output element of each convolution and linear layer, its weights."""
    total = 0

    def count(layer, _, output):
        nonlocal total
        total += math.prod(output.shape[1:]) * math.prod(layer.weight.shape[1:])

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 3, image_size, image_size))
    return total


@pytest.mark.parametrize(("num_classes", "image_size"), [(10, 8), (100, 7), (3, 1)])
def test_costs_are_those_of_the_network(num_classes, image_size):
    sample = [*SPACE.sample(3, np.random.default_rng(2)), SPACE.parse("output~0")]
    for cell in sample:
        network = SPACE.build(cell, num_classes=num_classes)
        costs = SPACE.costs(cell, num_classes=num_classes, image_size=image_size)
        assert costs.params == sum(parameter.numel() for parameter in network.parameters())
        assert costs.macs == counted_macs(network, image_size)


def test_default_costs_are_those_of_cifar10():
    (cell,) = SPACE.sample(1, np.random.default_rng(0))
    assert SPACE.costs(cell) == SPACE.costs(cell, 10, 32)
    with pytest.raises(ValueError, match="image_size must be at least 1, not 0"):
        SPACE.costs(cell, image_size=0)


def test_output_channels_are_shared_and_passed_back():
    assert node_widths([(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)], 5, 128) == [
        0,
        43,
        43,
        42,
        128,
    ]  # the first take the rest
    assert node_widths([(0, 1), (1, 2), (1, 3), (2, 4), (3, 4), (0, 4)], 5, 9) == [0, 5, 5, 4, 9]
    assert node_widths([(0, 1), (1, 2), (2, 3)], 4, 64) == [0, 64, 64, 64]
    assert node_widths([(0, 1)], 2, 64) == [0, 64]


def test_networks_give_logits_and_gradients():
    torch.manual_seed(0)
    wide = "conv3x3-bn-relu~0|conv1x1-bn-relu~1|maxpool3x3~0+1|conv1x1-bn-relu~0|output~0+2+3+4"
    for cell in [SPACE.parse("output~0"), SPACE.parse(wide)]:
        network = SPACE.build(cell, num_classes=11)
        logits = network(torch.randn(2, 3, 8, 8))
        assert logits.shape == (2, 11)
        nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


class Times(nn.Module):
    """Multiplies by a number, and gives so many channels of the first."""

    def __init__(self, factor, width=None):
        super().__init__()
        self.factor, self.width = factor, width

    def forward(self, x):
        return self.factor * (x if self.width is None else x[:, :1].expand(-1, self.width, -1, -1))


def test_a_cell_adds_inside_and_joins_at_the_output():
    edges = [(0, 1), (1, 2), (0, 2), (1, 3), (2, 4), (3, 4), (1, 4), (0, 4)]
    cell = Cell(["maxpool3x3"] * 3, edges, in_width=6, out_width=8)
    assert cell.widths == [0, 3, 3, 2, 8]
    for node, factor in (("1", 2.0), ("2", 3.0), ("4", 5.0)):
        cell.projections[node] = Times(factor, cell.widths[int(node)])
    for place, factor in enumerate((7.0, 11.0, 13.0)):
        cell.operations[place] = Times(factor)
    one = 7 * 2.0
    two = 11 * (one + 3)
    three = 13 * one
    out = cell(torch.ones(1, 6, 1, 1)).flatten().tolist()
    assert out == [one + 5] * 3 + [two + 5] * 3 + [three + 5] * 2


def test_operations_do_what_they_are_called():
    x = torch.randn(2, 4, 6, 6)
    assert torch.allclose(operation("maxpool3x3", 4)(x)[..., 0, 0], x[..., :2, :2].amax((2, 3)))
    for name, kernel in (("conv1x1-bn-relu", 1), ("conv3x3-bn-relu", 3)):
        layers = operation(name, 4)
        assert layers[0].kernel_size == (kernel, kernel)
        assert layers(x).shape == x.shape
        assert (layers(x) >= 0).all()


def test_maps_are_halved_twice_and_widths_doubled():
    network = SPACE.build(SPACE.parse("conv1x1-bn-relu~0|output~1"))
    shapes = []
    for module in network.modules():
        if isinstance(module, Cell):
            module.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 3, 32, 32))
    assert shapes == [(128, 32, 32)] * 3 + [(256, 16, 16)] * 3 + [(512, 8, 8)] * 3


# Bad input


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the last part of the cell, '', has the operation '': choose from output"),
        ("maxpool3x3~0", "the last part of the cell, 'maxpool3x3~0', has the operation 'maxpool3x3'"),
        ("conv3x3~0|output~1", "node 1 of the cell, .* 'conv3x3': did you mean 'conv3x3-bn-relu'"),
        ("output~0|output~1", "node 1 of the cell, .* 'output'"),
        ("absent~0|output~1", "node 1 of the cell, .* 'absent'"),
        ("maxpool3x3~1|output~1", "'maxpool3x3~1' .* which of the nodes 0 come in, .* not '1'"),
        ("maxpool3x3|output~1", "'maxpool3x3' .* not ''"),
        ("maxpool3x3~0|output~1+2", "'output~1.2' .* nodes 0, 1 come in, .* not '1.2'"),
        ("maxpool3x3~0|output~1+1", r"each once and joined by '\+', not '1\+1'"),
        ("maxpool3x3~0|output~01", "not '01'"),
        ("maxpool3x3~0|" * 6 + "output~1", "the cell has 7 parts between bars, it can have 5 nodes and the output"),
        (
            "maxpool3x3~0|maxpool3x3~0+1|maxpool3x3~0+1+2|maxpool3x3~0+1+2|output~1+3+4",
            "12 edges on paths from input to output, it can have 9",
        ),
    ],
)
def test_bad_strings_are_refused_with_place_and_remedy(text, message):
    with pytest.raises(InvalidArchitectureError, match=message) as error:
        SPACE.parse(text)
    assert "\n" not in str(error.value)


def changed(edges=(), ops=()):
    graph = SPACE.encode(SPACE.parse("maxpool3x3~0|conv3x3-bn-relu~1|output~2"))
    new_ops, adjacency = graph.ops.copy(), graph.adjacency.copy()
    for i, j in edges:
        adjacency[i, j] ^= True
    for node, op in ops:
        new_ops[node] = op
    return ArchGraph(new_ops, adjacency)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (changed(ops=[(0, CONV3)]), "node 0 of the graph is 'conv3x3-bn-relu', it must be 'input'"),
        (changed(ops=[(6, ABSENT)]), "node 6 of the graph is 'absent', it must be 'output'"),
        (changed(ops=[(3, 1)]), "node 3 of the graph is 'output', it must be one of conv3x3"),
        (changed(ops=[(3, 6)]), "node 3 of the graph is the unknown operation 6"),
        (changed(ops=[(3, -1)]), "node 3 of the graph is the unknown operation -1"),
        (changed(edges=[(2, 1)]), "the edge 2 -> 1 of the graph does not run forward"),
        (changed(edges=[(3, 3)]), "the edge 3 -> 3 of the graph does not run forward"),
        (changed(edges=[(2, 6)]), "no edges lead from the input to the output"),
        (changed(edges=[(0, 4), (4, 6)]), "node 4 of the graph is absent, and yet has edges on a path"),
        (changed(ops=[(1, ABSENT)]), "node 1 of the graph is absent"),
        (ArchGraph(np.zeros(6, dtype=int), np.zeros((6, 6), dtype=bool)), "has 7 nodes, not 6"),
    ],
)
def test_graphs_outside_the_space_are_refused(graph, message):
    with pytest.raises(InvalidArchitectureError, match=message) as error:
        SPACE.decode(graph)
    assert "\n" not in str(error.value)


def test_graphs_are_valid_iff_their_pruned_ones_are():
    for graph in random_graphs(400, np.random.default_rng(7)):
        rest = edges_and_ops(graph)
        valid = rest is not None and len(rest[0]) <= 9 and ABSENT not in rest[1].values()
        assert SPACE.is_valid(graph) == valid


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"op_1": "conv3x3"}, "'op_1' cannot be 'conv3x3': did you mean 'conv3x3-bn-relu'"),
        ({"op_5": "absent"}, "'op_5' cannot be 'absent'"),
        ({"edge_0_1": 2}, "'edge_0_1' cannot be 2: choose from 0, 1"),
        ({"edge_1_0": 1}, "unknown parameter 'edge_1_0': did you mean 'edge_"),
        ({"edge_0_1": None}, "parameter 'edge_0_1' is missing"),
        ({f"edge_{i}_6": 0 for i in range(6)}, "no edges lead from the input to the output"),
    ],
)
def test_bad_parameters_are_refused_by_name(change, message):
    values = SPACE.to_parameters(SPACE.parse(INCEPTION)) | change
    with pytest.raises(InvalidArchitectureError, match=message):
        SPACE.from_parameters({key: value for key, value in values.items() if value is not None})


def test_architectures_that_do_not_exist_cannot_be_made():
    for key in (-1, int(all_keys()[10]) + 1, 1 << 31, 1 << 40):
        with pytest.raises(InvalidArchitectureError, match=f"{key} is not the key of a cell"):
            NB101Architecture(key)


def test_architectures_of_another_space_are_refused():
    (stranger,) = get_space("nb201").sample(1, np.random.default_rng(0))
    uses = (SPACE.encode, SPACE.neighbours, SPACE.to_parameters, SPACE.costs, SPACE.build)
    for use in uses:
        with pytest.raises(TypeError, match="the space nb101 has no architecture"):
            use(stranger)


# Speed, in processor seconds, with room for slow machines


@pytest.mark.slow
def test_batches_are_fast():
    rng = np.random.default_rng(0)
    start = time.process_time()
    found = SPACE.sample(10_000, rng)
    SPACE.codes(found)
    SPACE.project(rng.normal(size=(2_000, 28, 6)))
    for cell in found[:5_000]:
        SPACE.costs(cell)
    assert time.process_time() - start < 2
