"""The DARTS space: genotypes, graphs with learned edges, exact projection, published sizes of networks."""

from __future__ import annotations

import math
import pickle
import time
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import nn

from search_spaces import ArchGraph, InvalidArchitectureError, get_space
from search_spaces.darts import DARTS, DARTSArchitecture, Genotype, from_genotype, to_genotype
from search_spaces.darts.architecture import FREE_NAMES, OP_NAMES, node_choices
from search_spaces.darts.costs import network_costs
from search_spaces.darts.network import CellNetwork, FactorisedReduction, operation

SPACE = get_space("darts")
SECOND_ORDER = Genotype(  # the cells that DARTS found, as its authors wrote them down
    normal=[
        *[("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
        *[("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)],
    ],
    normal_concat=[2, 3, 4, 5],
    reduce=[
        *[("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1)],
        *[("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)],
    ],
    reduce_concat=[2, 3, 4, 5],
)
FOUND = from_genotype(SECOND_ORDER)
TEXT = (
    "normal:sep_conv_3x3~0+sep_conv_3x3~1|sep_conv_3x3~0+sep_conv_3x3~1|skip_connect~0+sep_conv_3x3~1|"
    "skip_connect~0+dil_conv_3x3~2;"
    "reduce:max_pool_3x3~0+max_pool_3x3~1|max_pool_3x3~1+skip_connect~2|max_pool_3x3~0+skip_connect~2|"
    "max_pool_3x3~1+skip_connect~2"
)

cells = st.tuples(*[st.sampled_from(node_choices(node)) for node in range(4)]).map(lambda nodes: sum(nodes, ()))
architectures = st.builds(DARTSArchitecture, cells, cells)


def pairs(edges):
    """The two edges of each of the four nodes of a cell."""
    return [edges[2 * node : 2 * node + 2] for node in range(4)]


# Encodings


@given(architectures)
def test_every_encoding_gives_the_architecture_back(architecture):
    assert SPACE.parse(str(architecture)) == architecture
    assert SPACE.decode(SPACE.encode(architecture)) == architecture
    assert SPACE.from_parameters(SPACE.to_parameters(architecture)) == architecture
    assert from_genotype(to_genotype(architecture)) == architecture
    assert pickle.loads(pickle.dumps(architecture)) == architecture  # noqa: S301 - our own bytes
    assert str(architecture) in repr(architecture)


@given(architectures, architectures)
def test_two_architectures_are_equal_iff_their_strings_are(one, other):
    assert (one == other) == (str(one) == str(other))


def test_the_string_is_the_documented_one():
    assert str(FOUND) == TEXT
    assert SPACE.parse(TEXT) == FOUND
    assert SPACE.parse(TEXT.replace("skip_connect~0+dil_conv_3x3~2", "dil_conv_3x3~2+skip_connect~0")) == FOUND


def test_genotypes_may_name_the_edges_of_a_node_in_either_order():
    normal, concat, reduce, _ = to_genotype(FOUND)
    assert normal[4:6] == [("skip_connect", 0), ("sep_conv_3x3", 1)]  # DARTS wrote them the other way round
    swapped = [edge for one, other in zip(reduce[::2], reduce[1::2], strict=True) for edge in (other, one)]
    assert from_genotype((normal, range(2, 6), swapped, concat)) == FOUND


def test_the_size_is_the_number_of_pairs_of_cells():
    counts = [len(set(node_choices(node))) for node in range(4)]
    assert counts == [49 * 1, 49 * 3, 49 * 6, 49 * 10]
    assert DARTS.size == math.prod(counts) ** 2 == (180 * 7**8) ** 2


@given(architectures)
def test_the_graph_is_that_of_the_genotype(architecture):
    graph = SPACE.encode(architecture)
    assert graph.ops.dtype == np.int64
    assert not np.tril(graph.adjacency).any()
    assert np.all((SPACE.fixed_ops == -1) | (SPACE.fixed_ops == graph.ops))
    assert np.all(graph.adjacency | ~SPACE.adjacency)
    for start, edges in zip((0, 15), architecture.cells, strict=True):
        found = {}  # number of a genotype -> node of the graph
        inner = range(start, start + 15)
        found[0], found[1] = (node for node in inner if OP_NAMES[graph.ops[node]].startswith("input"))
        sums = [node for node in inner if OP_NAMES[graph.ops[node]] == "sum"]
        for number, (node, pair) in enumerate(zip(sums, pairs(edges), strict=True), start=2):
            operations = np.flatnonzero(graph.adjacency[:, node])
            sources = [np.flatnonzero(graph.adjacency[:, op]).tolist() for op in operations]
            assert [(graph.ops[op], s) for op, s in zip(operations, sources, strict=True)] == [
                (op, [found[source]]) for op, source in pair
            ]
            found[number] = node
        (output,) = (node for node in inner if OP_NAMES[graph.ops[node]] == "output")
        assert np.flatnonzero(graph.adjacency[:, output]).tolist() == sums
        assert not graph.adjacency[start : start + 15, :start].any()
        assert not graph.adjacency[start : start + 15, start + 15 :].any()


def test_sites_are_those_of_thirty_nodes_and_fifty_six_edges():
    assert (SPACE.num_nodes, len(SPACE.free_edges), SPACE.num_sites) == (30, 56, 86)
    assert SPACE.free_edges.tolist() == sorted(SPACE.free_edges.tolist())
    assert all(i < j and not SPACE.adjacency[i, j] for i, j in SPACE.free_edges)


def test_many_are_encoded_as_one_is():
    sample = SPACE.sample(50, np.random.default_rng(1))
    codes = SPACE.codes(sample)
    assert [SPACE.decode(SPACE.graph(code)) for code in codes] == sample
    assert np.array_equal(codes[:, 30:].sum(axis=1), np.full(50, 16))
    assert SPACE.codes([]).shape == (0, 86)


# Neighbours


@given(architectures, st.integers(0, 119))
def test_neighbours_differ_in_one_operation_or_one_source(architecture, pick):
    neighbours = SPACE.neighbours(architecture)
    assert len(set(neighbours)) == len(neighbours) == 7 * 16 - 16 + 2 * 2 * (0 + 1 + 2 + 3)
    assert architecture not in neighbours
    for neighbour in neighbours:
        changed = [
            (set(before), set(after))
            for cell, other in zip(architecture.cells, neighbour.cells, strict=True)
            for before, after in zip(pairs(cell), pairs(other), strict=True)
            if before != after
        ]
        ((before, after),) = changed  # one node
        ((old_op, old_source),) = before - after  # one edge of it
        ((new_op, new_source),) = after - before
        assert (old_op == new_op) != (old_source == new_source)
    assert architecture in SPACE.neighbours(neighbours[pick])


def test_mutation_draws_neighbours_uniformly():
    rng = np.random.default_rng(3)
    counts = dict.fromkeys(SPACE.neighbours(FOUND), 0)
    for _ in range(10 * len(counts)):
        counts[SPACE.mutate(FOUND, rng)] += 1
    assert len(counts) == 120
    assert chisquare(list(counts.values())).pvalue > 1e-3


# Projection


@st.composite
def site_scores(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([2, 3, 1000]))
    return rng.integers(levels, size=(1, 86, 11)).astype(float)


def node_maximum(scores, start, node):
    """The best sum of scores that the operations and edges of a node can have, by trying all of its graphs."""
    operations = [start + 2 + 3 * node, start + 3 + 3 * node]
    sources = [start, start + 1, *(start + 4 + 3 * earlier for earlier in range(node))]
    index = {tuple(edge): 30 + number for number, edge in enumerate(SPACE.free_edges.tolist())}
    found = []
    for ops in product(range(4, 11), repeat=2):
        for chosen in product(range(len(sources)), repeat=2):
            if chosen[0] != chosen[1]:
                total = sum(scores[node, op] for node, op in zip(operations, ops, strict=True))
                for operation, choice in zip(operations, chosen, strict=True):
                    for number, source in enumerate(sources):
                        total += scores[index[source, operation], int(number == choice)]
                found.append(total)
    return max(found)


def best_code_sum(scores, architecture):
    """The largest sum of scores of an architecture's graphs: of each node, the operations may stand in either order."""
    total = 0.0
    code = SPACE.codes([architecture])[0]
    index = {tuple(edge): 30 + number for number, edge in enumerate(SPACE.free_edges.tolist())}
    for start, node in product((0, 15), range(4)):
        first, second = start + 2 + 3 * node, start + 3 + 3 * node
        sources = [start, start + 1, *(start + 4 + 3 * earlier for earlier in range(node))]
        orders = []
        for one, other in ((first, second), (second, first)):
            value = scores[one, code[first]] + scores[other, code[second]]
            for source in sources:
                value += scores[index[source, one], code[index[source, first]]]
                value += scores[index[source, other], code[index[source, second]]]
            orders.append(value)
        total += max(orders)
    return total


@pytest.mark.slow
@settings(max_examples=25)
@given(site_scores())
def test_projection_finds_the_best_of_all_graphs(scores):
    for row, projected in zip(scores, SPACE.project(scores), strict=True):
        best = sum(node_maximum(row, start, node) for start, node in product((0, 15), range(4)))
        assert best_code_sum(row, projected) == best


@given(architectures, st.sampled_from([np.float32, np.float64]))
def test_projection_leaves_valid_graphs_alone(architecture, kind):
    one_hot = np.eye(11, dtype=kind)[SPACE.codes([architecture])]
    one_hot[:, 30:, 2:] = 100.0  # columns that a site does not have are ignored
    assert SPACE.project(one_hot) == [architecture]


def test_ties_go_to_the_first_class():
    ops = tuple((4, source) for source in (0, 1) * 4)
    assert SPACE.project(np.zeros((1, 86, 11))) == [DARTSArchitecture(ops, ops)]


def test_projection_of_wrong_shape_says_so():
    with pytest.raises(ValueError, match=r"scores must be \(B, 86, 11\); got \(2, 30, 11\)"):
        SPACE.project(np.zeros((2, 30, 11)))
    assert SPACE.project(np.zeros((0, 86, 11))) == []


# Sampling


def test_samples_are_a_function_of_the_generator():
    assert SPACE.sample(30, np.random.default_rng(5)) == SPACE.sample(30, np.random.default_rng(5))
    assert SPACE.sample(30, np.random.default_rng(5)) != SPACE.sample(30, np.random.default_rng(6))
    assert SPACE.sample(0, np.random.default_rng(5)) == []


def test_every_choice_of_every_node_is_drawn_equally_often():
    sample = SPACE.sample(8_000, np.random.default_rng(0))
    for cell, node in product((0, 1), range(4)):
        counts = dict.fromkeys(node_choices(node), 0)
        for architecture in sample:
            counts[pairs(architecture.cells[cell])[node]] += 1
        assert chisquare(list(counts.values())).pvalue > 1e-3


@pytest.mark.slow
def test_nodes_are_drawn_independently():
    sample = SPACE.sample(20_000, np.random.default_rng(1))
    ops = np.array([[op for op, _ in (*a.normal, *a.reduce)] for a in sample]) - 4
    for one, other in [*pairwise(range(16)), (0, 8), (7, 15)]:
        assert chisquare(np.bincount(7 * ops[:, one] + ops[:, other], minlength=49)).pvalue > 1e-4


# Parameters


def test_parameters_are_choices_of_the_space():
    names = [parameter.name for parameter in SPACE.parameters()]
    assert len(names) == len(set(names)) == 2 * (3 + 8)
    assert math.prod(len(parameter.values) for parameter in SPACE.parameters()) == SPACE.size
    assert list(SPACE.to_parameters(FOUND)) == names
    assert SPACE.to_parameters(FOUND)["normal_5_sources"] == "0_2"
    assert SPACE.to_parameters(FOUND)["normal_5_higher"] == "dil_conv_3x3"


# Bad input


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 1 part.* needs two"),
        (TEXT + ";", "has 3 part"),
        (TEXT.replace("reduce:", "reduction:"), "must start with 'reduce:'"),
        (TEXT.removesuffix("|max_pool_3x3~1+skip_connect~2"), r"reduce cell has 3 node\(s\) .* needs 4"),
        (TEXT.replace("+dil_conv_3x3~2", ""), "node 5 of the normal cell, 'skip_connect~0', is not two edges"),
        (TEXT.replace("dil_conv_3x3~2", "dil_conv_3x3"), "node 5 of the normal cell, .* is not two edges"),
        (TEXT.replace("dil_conv_3x3", "dil_conv_3x4"), "node 5 of the normal cell .* mean 'dil_conv_3x3'"),
        (TEXT.replace("dil_conv_3x3", "none"), "node 5 of the normal cell has the unknown operation 'none'"),
        (TEXT.replace("dil_conv_3x3", "sum"), "node 5 of the normal cell has the unknown operation 'sum'"),
        (TEXT.replace("dil_conv_3x3~2", "dil_conv_3x3~5"), "node 5 .* cannot have the source 5: choose from 0 to 4"),
        (TEXT.replace("dil_conv_3x3~2", "dil_conv_3x3~0"), "node 5 .* has the source 0 twice"),
    ],
)
def test_bad_strings_are_refused_with_place_and_remedy(text, message):
    with pytest.raises(InvalidArchitectureError, match=message) as error:
        SPACE.parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normal": SECOND_ORDER.normal[:-1]}, "the normal cell has 8 edges, not 7"),
        ({"reduce_concat": [3, 4, 5]}, r"the reduce cell must concatenate \[2, 3, 4, 5\], not \[3, 4, 5\]"),
        ({"normal": [("none", 0), *SECOND_ORDER.normal[1:]]}, "node 2 of the normal cell .* 'none'"),
        ({"normal": [("skip_connect", 2), *SECOND_ORDER.normal[1:]]}, "node 2 .* source 2: choose from 0 to 1"),
    ],
)
def test_bad_genotypes_are_refused(change, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        from_genotype(SECOND_ORDER._replace(**change))
    with pytest.raises(InvalidArchitectureError, match="four parts, not 2"):
        from_genotype(SECOND_ORDER[:2])


@given(architectures, st.data())
def test_damaged_graphs_are_refused(architecture, data):
    graph = SPACE.encode(architecture)
    node = data.draw(st.integers(0, 29))
    ops = graph.ops.copy()
    ops[node] = data.draw(st.sampled_from([-1, 11, 2 if graph.ops[node] != 2 else 3]))
    assert not SPACE.is_valid(ArchGraph(ops, graph.adjacency))
    i, j = SPACE.free_edges[data.draw(st.integers(0, 55))]
    adjacency = graph.adjacency.copy()
    adjacency[i, j] ^= True
    with pytest.raises(InvalidArchitectureError, match=f"node {j} of the graph has [02] incoming edges"):
        SPACE.decode(ArchGraph(graph.ops, adjacency))
    adjacency = graph.adjacency.copy()
    adjacency[data.draw(st.sampled_from([(0, 29), (2, 4), (14, 15), (4, 14)]))] ^= True
    with pytest.raises(InvalidArchitectureError, match="edges are not those of the space darts"):
        SPACE.decode(ArchGraph(graph.ops, adjacency))
    with pytest.raises(InvalidArchitectureError, match="30 nodes, not 29"):
        SPACE.decode(ArchGraph(graph.ops[1:], graph.adjacency[1:, 1:]))


def test_operations_of_a_node_in_the_other_order_are_the_same_architecture():
    graph = SPACE.encode(FOUND)
    ops, adjacency = graph.ops.copy(), graph.adjacency.copy()
    ops[[11, 12]] = ops[[12, 11]]
    adjacency[:, [11, 12]] = adjacency[:, [12, 11]]
    swapped = ArchGraph(ops, adjacency)
    assert swapped != graph
    assert SPACE.decode(swapped) == FOUND


def test_one_source_for_both_operations_of_a_node_is_refused():
    graph = SPACE.encode(FOUND)
    adjacency = graph.adjacency.copy()
    adjacency[:, 12] = adjacency[:, 11]
    with pytest.raises(InvalidArchitectureError, match="node 5 of the normal cell has the source 0 twice"):
        SPACE.decode(ArchGraph(graph.ops, adjacency))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normal_2_lower": "sep_conv_3x4"}, "'normal_2_lower' cannot be 'sep_conv_3x4': did you mean 'sep_conv_3x3'"),
        ({"reduce_3_sources": "1_0"}, "'reduce_3_sources' cannot be '1_0'"),
        ({"normal_2_sources": "0_1"}, "unknown parameter 'normal_2_sources': did you mean 'normal_"),
        ({"reduce_5_higher": None}, "parameter 'reduce_5_higher' is missing"),
    ],
)
def test_bad_parameters_are_refused_by_name(change, message):
    values = {key: value for key, value in (SPACE.to_parameters(FOUND) | change).items() if value is not None}
    with pytest.raises(InvalidArchitectureError, match=message):
        SPACE.from_parameters(values)


def test_architectures_that_do_not_exist_cannot_be_made():
    with pytest.raises(InvalidArchitectureError, match="the reduce cell has 8 edges, not 7"):
        DARTSArchitecture(FOUND.normal, FOUND.reduce[:7])
    falling = (FOUND.normal[1], FOUND.normal[0], *FOUND.normal[2:])
    with pytest.raises(InvalidArchitectureError, match=r"node 2 of the normal cell must have .* rising sources"):
        DARTSArchitecture(falling, FOUND.reduce)
    with pytest.raises(InvalidArchitectureError, match="from 4 to 10"):
        DARTSArchitecture(((0, 0), *FOUND.normal[1:]), FOUND.reduce)


def test_architectures_of_another_space_are_refused():
    (stranger,) = get_space("nb201").sample(1, np.random.default_rng(0))
    for use in (SPACE.encode, SPACE.neighbours, SPACE.to_parameters, SPACE.costs, SPACE.build):
        with pytest.raises(TypeError, match="the space darts has no architecture"):
            use(stranger)


# Costs and networks


def test_the_network_of_darts_has_its_published_size():
    """3.3 million parameters with 36 channels and 20 cells (Liu et al., table 1)."""
    costs = network_costs(FOUND, 10, 32, channels=36, cells=20)
    assert costs.params == 3_349_342
    with torch.device("meta"):
        network = CellNetwork(*FOUND.named_cells, num_classes=10, channels=36, cells=20)
    assert sum(parameter.numel() for parameter in network.parameters()) == costs.params


def test_a_network_that_nas_bench_301_trained_has_the_size_it_recorded():
    """The example result in its source: 50 channels, 20 cells and DARTS's auxiliary head, 6,369,358 parameters."""
    architecture = SPACE.parse(
        "normal:skip_connect~0+sep_conv_3x3~1|sep_conv_3x3~0+skip_connect~1|dil_conv_3x3~0+dil_conv_5x5~2|"
        "sep_conv_3x3~1+skip_connect~2;"
        "reduce:max_pool_3x3~0+avg_pool_3x3~1|skip_connect~0+dil_conv_5x5~1|sep_conv_3x3~1+sep_conv_5x5~2|"
        "sep_conv_3x3~2+dil_conv_3x3~3"
    )
    head = (800 * 128 + 2 * 128) + (128 * 768 * 2 * 2 + 2 * 768) + (768 + 1) * 10
    assert network_costs(architecture, 10, 32, channels=50, cells=20).params + head == 6_369_358


def counted_macs(network, image_size):
    """MACs that really happen: per output element of each convolution and linear layer, its weights."""
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


@pytest.mark.parametrize(("num_classes", "image_size"), [(10, 32), (100, 16), (3, 4)])
def test_costs_are_those_of_the_network(num_classes, image_size):
    for architecture in SPACE.sample(3, np.random.default_rng(image_size)):
        network = SPACE.build(architecture, num_classes=num_classes)
        costs = SPACE.costs(architecture, num_classes=num_classes, image_size=image_size)
        assert costs.params == sum(parameter.numel() for parameter in network.parameters())
        assert costs.macs == counted_macs(network, image_size)
    assert SPACE.costs(FOUND) == SPACE.costs(FOUND, 10, 32)


@pytest.mark.parametrize("image_size", [0, 30, -4])
def test_impossible_image_sizes_are_refused(image_size):
    with pytest.raises(ValueError, match=f"image_size must be a multiple of 4 .* not {image_size}"):
        SPACE.costs(FOUND, image_size=image_size)


def test_networks_give_logits_and_gradients():
    torch.manual_seed(0)
    for architecture in (FOUND, *SPACE.sample(1, np.random.default_rng(4))):
        network = SPACE.build(architecture, num_classes=11)
        images = torch.randn(2, 3, 8, 8)
        logits = network(images)
        assert logits.shape == (2, 11)
        nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
    assert SPACE.build(FOUND).eval()(torch.zeros(1, 3, 8, 8)).shape == (1, 10)


class Times(nn.Module):
    """Multiplies by a number."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


def test_nodes_of_a_cell_add_up_what_the_genotype_says():
    network = SPACE.build(FOUND)
    cell = network.cells[0]
    factors = [2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0]
    for place, factor in enumerate(factors):
        cell.edges[place] = Times(factor)
    cell.first, cell.second = nn.Identity(), Times(10.0)
    a, b, c, d, e, f, g, h = factors
    two = a * 1 + b * 10
    expected = [two, c * 1 + d * 10, e * 1 + f * 10, g * 1 + h * two]
    one = torch.ones(1, 1, 1, 1)
    assert cell(one, one).flatten().tolist() == expected


def test_operations_stand_where_the_genotype_says():
    network = SPACE.build(FOUND)
    assert [len(cell.edges) for cell in network.cells] == [8] * 8
    for position, cell in enumerate(network.cells):
        reduces = position in (2, 5)
        edges = FOUND.named_cells[reduces]
        width = 32 * 2 ** ((position >= 2) + (position >= 5))
        for edge, (name, source) in zip(cell.edges, edges, strict=True):
            stride = 2 if reduces and source < 2 else 1
            assert str(edge) == str(operation(name, width, stride))
        assert isinstance(cell.first, FactorisedReduction) == (position in (3, 6))


def test_operations_do_what_they_are_called():
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(operation("skip_connect", 4, 1)(x), x)
    average = operation("avg_pool_3x3", 4, 1)(x)
    assert torch.allclose(average[..., 0, 0], x[..., :2, :2].mean((2, 3)))  # padding does not count
    largest = operation("max_pool_3x3", 4, 2)(x)
    assert torch.equal(largest[..., 1, 1], x[..., 1:4, 1:4].amax((2, 3)))
    for name in FREE_NAMES:
        assert operation(name, 4, 1)(x).shape == (2, 4, 6, 6)
        assert operation(name, 4, 2)(x).shape == (2, 4, 3, 3)
    for name, reach in {"sep_conv_3x3": 2, "sep_conv_5x5": 4, "dil_conv_3x3": 2, "dil_conv_5x5": 4}.items():
        impulse = torch.zeros(1, 4, 21, 21)
        impulse[..., 10, 10] = 1.0
        answer = operation(name, 4, 1).eval()(impulse) - operation(name, 4, 1).eval()(torch.zeros(1, 4, 21, 21))
        touched = answer.abs().sum((0, 1)).nonzero()
        assert (touched - 10).abs().max() == reach
        assert len(touched) == (reach + 1) ** 2 if name.startswith("dil") else (2 * reach + 1) ** 2


def test_a_factorised_reduction_sees_every_other_pixel_of_the_diagonal():
    reduction = FactorisedReduction(1, 2).eval()
    with torch.no_grad():
        reduction.even.weight.fill_(1.0)
        reduction.odd.weight.fill_(1.0)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    even, odd = reduction(x)[0]
    scale = (1 + reduction.norm.eps) ** -0.5
    assert torch.allclose(even, scale * torch.tensor([[0.0, 2.0], [8.0, 10.0]]))
    assert torch.allclose(odd, scale * torch.tensor([[5.0, 7.0], [13.0, 15.0]]))
    assert not reduction(-x).any()  # the ReLU comes first


# Speed, in processor seconds, with room for slow machines


def test_batches_are_fast():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(1_000, 86, 11))
    start = time.process_time()
    sample = SPACE.sample(10_000, rng)
    SPACE.codes(sample)
    SPACE.project(scores)
    for architecture in sample:
        SPACE.costs(architecture)
    assert time.process_time() - start < 2
