"""NAS-Bench-NLP: cells that differ in the order of nodes are one architecture, with networks of the logs' sizes."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from search_spaces import ArchGraph, InvalidArchitectureError, NetworkSize, get_space
from search_spaces.counting import network_costs
from search_spaces.nlp import NLP, NLPArchitecture
from search_spaces.nlp.cells import FIRST, MAX_NODES, OPERATIONS, Cell, prune
from search_spaces.nlp.genes import ENDS, OP_NAMES, among_the_rest, code_of, from_the_rest
from search_spaces.nlp.isomorphism import canonical
from search_spaces.nlp.projection import nearest_of_pool, repaired

SPACE = NLP()
LSTM = (
    "linear~x+h0|tanh~1|linear~x+h0|sigmoid~3|linear~x+h0|sigmoid~5|linear~x+h0|tanh~7|prod~6+h1|prod~2+4|sum~9+10|"
    "tanh~11|prod~12+8|h0~13|h1~11"
)
seeds = st.integers(0, 10_000)


def drawn(seed):
    return SPACE.sample(1, np.random.default_rng(seed))[0]


def shuffled(architecture, rng):
    """The cell with its nodes, its sources, and its states but the first in another order."""
    nodes, count = architecture.nodes, len(architecture.nodes)
    order, placed = [], set()
    while len(order) < count:
        ready = [
            place
            for place in range(count)
            if place not in placed and all(one < FIRST or one - FIRST in placed for one in nodes[place][1])
        ]
        order.append(int(rng.choice(ready)))
        placed.add(order[-1])
    states = [1, *(1 + rng.permutation(len(architecture.states) - 1) + 1).tolist()]
    new = {0: 0} | {old: place for place, old in enumerate(states, start=1)}
    new |= {FIRST + old: FIRST + place for place, old in enumerate(order)}
    moved = []
    for place in order:
        op, sources = nodes[place]
        sources = [new[source] for source in sources]
        moved.append((op, tuple(sources if op == "blend" else rng.permutation(sources).tolist())))
    return Cell(tuple(moved), tuple(new[architecture.states[old - 1]] for old in states))


# What is one architecture


@settings(max_examples=60, deadline=None)
@given(seeds, seeds)
def test_cells_in_another_order_are_the_same_architecture(seed, other):
    architecture = drawn(seed)
    same = NLPArchitecture.of(shuffled(architecture, np.random.default_rng(other)))
    assert same == architecture
    assert (hash(same), str(same)) == (hash(architecture), str(architecture))


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_strings_codes_and_graphs_lead_back(seed):
    architecture = drawn(seed)
    assert SPACE.parse(str(architecture)) == architecture
    assert SPACE.decode(SPACE.encode(architecture)) == architecture
    assert SPACE.nearest(SPACE.codes([architecture])) == [architecture]
    assert pickle.loads(pickle.dumps(architecture)) == architecture  # noqa: S301
    assert SPACE.from_parameters(SPACE.to_parameters(architecture)) == architecture


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_what_is_canonical_stays_so(seed):
    architecture = drawn(seed)
    cell = Cell(architecture.nodes, architecture.states)
    assert canonical(prune(cell)) == cell
    assert NLPArchitecture(*cell) == architecture


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("linear~x+h0|tanh~1|h0~2", "linear~h0+x|tanh~1|h0~2"),
        # Twins, and twins of twins.
        ("linear~x+h0|linear~x+h0|tanh~2|sum~1+3|h0~4", "linear~x+h0|tanh~1|linear~x+h0|sum~2+3|h0~4"),
        # The two states that are no output change places.
        ("linear~x+h0+h1|linear~x+h2|sum~1+2|h0~3|h1~1|h2~2", "linear~x+h0+h2|linear~x+h1|sum~1+2|h0~3|h1~2|h2~1"),
        # What leads nowhere, and a state that nothing reads.
        ("linear~x+h0|tanh~1|sigmoid~1|h0~2", "linear~x+h0|tanh~1|h0~2"),
        ("linear~x+h0|tanh~1|sigmoid~1|h0~2|h1~3", "linear~x+h0|tanh~1|h0~2"),
    ],
)
def test_cells_that_are_the_same_network_are_one(text, same):
    assert SPACE.parse(text) == SPACE.parse(same)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("linear~x+h0|sigmoid~1|linear~x+2|blend~2+h0+3|h0~4", "linear~x+h0|sigmoid~1|linear~x+2|blend~2+3+h0|h0~4"),
        ("linear~x+h0|tanh~1|h0~1|h1~2", "linear~x+h0|tanh~1|h0~2|h1~1"),
        # A state matters to how many parameters a network has, even where the output never hears of it.
        ("linear~x+h0|tanh~1|linear~2+h1|h0~2|h1~3", "linear~x+h0|tanh~1|h0~2"),
    ],
)
def test_cells_that_are_another_network_are_not(text, other):
    first, second = (text, other)
    try:
        assert SPACE.parse(first) != SPACE.parse(second)
    except InvalidArchitectureError as error:
        pytest.fail(str(error))


def test_twins_by_the_dozen_are_put_in_order_at_once():
    """Eight linear maps of the same sources, in a tree of sums: 128 symmetries."""
    leaves = [("linear", (0, 1))] * 8
    sums = [("sum", (FIRST + 2 * k, FIRST + 2 * k + 1)) for k in range(4)]
    sums += [("sum", (FIRST + 8, FIRST + 9)), ("sum", (FIRST + 10, FIRST + 11)), ("sum", (FIRST + 12, FIRST + 13))]
    architecture = NLPArchitecture.of(Cell((*leaves, *sums), (FIRST + 14,)))
    rng = np.random.default_rng(0)
    assert {NLPArchitecture.of(shuffled(architecture, rng)) for _ in range(5)} == {architecture}


def test_an_architecture_is_made_in_canonical_order_only():
    nodes = (("linear", (0, 1)), ("linear", (0, 1)), ("tanh", (FIRST,)), ("sum", (FIRST + 1, FIRST + 2)))
    with pytest.raises(InvalidArchitectureError, match="is not in canonical order"):
        NLPArchitecture(nodes, (FIRST + 3,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("linear~x+h0|tanhh~1|h0~2", r"node 2, 'tanhh~1', has the unknown operation 'tanhh': did you mean 'tanh'\?"),
        ("linear~x+h0|tanh~3|h0~2", r"must tell after '~' which of x, h0, h1, h2, 1 it reads, joined by '\+', not '3'"),
        ("linear~x+h0|sum~1|h0~2", "node 2, 'sum~1', reads 1 sources, sum reads 2"),
        ("linear~x+h0+h0|h0~1", "reads a source twice"),
        ("linear~x+h0|sum~1+x|h0~2", "node 2, 'sum~1[+]x', reads x, which only linear can, not sum"),
        ("linear~x+h0|tanh~1", "after them h0~N, .* not 2 and 0"),
        ("linear~x+h0|tanh~1|h1~2", r"part 3, 'h1~2', must be h0~N with the number of a node, of 1 to 2"),
        ("linear~x+h0|tanh~1|h0~2|h1~2", "two states of the cell have the same node as their new value"),
        ("linear~h0+h1|tanh~1|h0~2|h1~1", "no node that counts reads x"),
        ("linear~x+h0+h1|h0~1", "a node reads h1, a state that gets no new value"),
        ("", "not 1 and 0"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(text, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        SPACE.parse(text)


# Graphs and projection


def edited(text, edit):
    """The graph of a cell with other genes, by their names."""
    graph = SPACE.encode(SPACE.parse(text))
    ops = graph.ops.copy()
    for name, gene in edit.items():
        ops[SPACE.node_names.index(name)] = OP_NAMES.index(gene)
    return ArchGraph(ops, graph.adjacency)


def test_genes_say_what_nodes_read_and_compute():
    """The second source is counted without the first one, and the new value of a state from the last node on."""
    values = SPACE.to_parameters(SPACE.parse("linear~x+h0|tanh~1|linear~2+1+h0|h0~3"))
    assert [values[f"{gene}_1"] for gene in ("a", "b", "op")] == ["x", "x", "linear"]
    assert [values[f"{gene}_2"] for gene in ("a", "op")] == ["1 back", "tanh"]
    assert [values[f"{gene}_3"] for gene in ("a", "b", "c", "op")] == ["h0", "h2", "h2", "linear of three"]
    assert (values["op_4"], values["new_h0"]) == ("absent", "1 back")
    assert len(values) == SPACE.num_sites == ENDS + 3


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(8)))
def test_what_is_counted_among_the_rest_is_found_again(order):
    counted = among_the_rest(order[:3])
    assert from_the_rest(counted) == list(order[:3])
    assert all(choice < 8 - place for place, choice in enumerate(counted))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"op_2": "absent", "b_1": "h1"}, "a cell of 1 nodes cannot have 2 states"),
        ({"op_1": "sum", "a_1": "h0", "b_1": "h0"}, "no node that counts reads x"),
        ({"op_2": "x"}, "node 7 of the graph is 'x', it must be one of linear, "),
    ],
)
def test_genes_of_no_cell_are_refused(edit, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        SPACE.decode(edited("linear~x+h0|tanh~1|h0~2", edit))


def test_inactive_genes_may_say_anything():
    text = "linear~x+h0|tanh~1|h0~2"
    inactive = {"c_1": "h0", "b_2": "h1", "c_2": "h0", "a_9": "h1", "new_h1": "9 back"}
    assert SPACE.decode(edited(text, inactive)) == SPACE.parse(text)
    # A node that nothing reads.
    assert SPACE.decode(edited(text, {"op_4": "tanh", "a_4": "1 back", "new_h0": "2 back"})) == SPACE.parse(text)


def test_who_counts_beyond_the_end_begins_anew():
    text = "linear~x+h0|tanh~1|h0~2"
    assert SPACE.decode(edited(text, {"new_h0": "5 back"})) == SPACE.parse(text)
    # The fifth source of four.
    edit = {"op_2": "absent", "op_3": "linear", "a_3": "2 back", "b_3": "h2"}
    assert SPACE.decode(edited(text, edit)) == SPACE.parse("linear~x+h0|linear~x+1|h0~2")


def test_what_cannot_read_x_reads_the_first_source_that_is_left():
    edit = {"op_2": "sum", "a_2": "x", "b_2": "h2"}
    found = SPACE.decode(edited("linear~x+h0|tanh~1|h0~2", edit))
    assert found == SPACE.parse("linear~x+h0|sum~1+h0|h0~2")


def test_where_nothing_reads_x_the_first_linear_map_does():
    found = SPACE.decode(edited("linear~x+h0|tanh~1|h0~2", {"a_1": "h0", "b_1": "h1"}))
    assert found == SPACE.parse("linear~x+h1|tanh~1|h0~2|h1~1")


def test_most_codes_are_cells():
    rng = np.random.default_rng(0)
    codes = [np.array([rng.choice(np.flatnonzero(row)) for row in SPACE.allowed]) for _ in range(200)]
    assert np.mean([SPACE.is_valid(SPACE.graph(code)) for code in codes]) > 0.6


def test_absent_nodes_may_be_anywhere():
    text = "linear~x+h0|tanh~1|h0~2"
    edit = {"op_2": "absent", "op_5": "tanh", "a_5": "1 back"}
    assert SPACE.decode(edited(text, edit)) == SPACE.parse(text)


def test_a_third_state_without_a_second_is_the_second():
    text = "linear~x+h0+h1|tanh~1|h0~2|h1~1"
    assert SPACE.decode(edited(text, {"c_1": "h0", "new_h2": "1 back"})) == SPACE.parse(text)


@pytest.mark.slow
def test_graphs_that_are_no_cells_are_brought_to_cells_and_cells_stay() -> None:
    view, rng = SPACE.seen_as, np.random.default_rng(0)
    cells = view.sample(50, rng)
    assert view.nearest(view.codes(cells)) == cells
    broken = rng.integers(view.site_classes, size=(50, view.num_sites))
    assert not any(view.is_valid(view.graph(code)) for code in broken)
    assert all(view.is_valid(view.encode(cell)) for cell in view.nearest(broken))


@pytest.mark.slow
def test_predictors_see_the_nearest_cell_of_a_code_that_is_none() -> None:
    codes = np.random.default_rng(0).integers(SPACE.site_classes, size=(200, SPACE.num_sites))
    broken = codes[[not SPACE.is_valid(SPACE.graph(code)) for code in codes]]
    assert len(broken) > 0
    assert np.array_equal(SPACE.seen(broken), SPACE.seen_as.codes(SPACE.nearest(broken)))


def test_predictors_see_sources_nodes_and_states_as_a_graph():
    view = SPACE.seen_as
    graph = view.encode(SPACE.parse("linear~x+h0|tanh~1|h0~2"))
    names = [view.op_names[op] for op in graph.ops if op != view.null_op]
    assert names == ["x", "h0", "h1", "h2", "linear", "tanh", "new h0", "new h1", "new h2"]
    assert np.argwhere(graph.adjacency).tolist() == [[0, 4], [1, 4], [4, 5], [5, 19]]


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_both_encodings_are_of_the_same_cells(seed):
    architecture = drawn(seed)
    assert SPACE.seen_as.decode(SPACE.seen_as.encode(architecture)) == architecture


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({(4, 6): 1}, "node 6 of the graph is absent, and yet has edges"),
        ({(5, 19): 0}, "'new h0' of the graph must be one node, not 0"),
        ({(4, 19): 1}, "'new h0' of the graph must be one node, not 2"),
        ({(2, 4): 1}, "'h1' of the graph is read, and 'new h1' is no node"),
        ({(1, 5): 1}, "node 2 of the cell reads 2 sources, tanh reads 1"),
    ],
)
def test_graphs_of_no_cell_are_refused(edit, message):
    graph = SPACE.seen_as.encode(SPACE.parse("linear~x+h0|tanh~1|h0~2"))
    adjacency = graph.adjacency.copy()
    for pair, bit in edit.items():
        adjacency[pair] = bit
    with pytest.raises(InvalidArchitectureError, match=message):
        SPACE.seen_as.decode(ArchGraph(graph.ops, adjacency))


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(seeds)
def test_scores_of_no_cell_lead_to_one(seed):
    scores = np.random.default_rng(seed).normal(size=(2, SPACE.num_sites, len(OP_NAMES)))
    for row, found in zip(scores, SPACE.project(scores), strict=True):
        code = np.where(SPACE.allowed, row, -np.inf).argmax(axis=1)
        if SPACE.is_valid(SPACE.graph(code)):
            assert found == SPACE.decode(SPACE.graph(code))
        else:
            assert found == (repaired(row) or nearest_of_pool(row, code_of))


# Drawing cells, and neighbours


@pytest.mark.slow
def test_all_operations_and_sizes_are_drawn():
    sample = SPACE.sample(400, np.random.default_rng(0))
    assert {op for one in sample for op, _ in one.nodes} == set(OPERATIONS)
    assert {len(one.states) for one in sample} == {1, 2, 3}
    assert {4, 8, 12, MAX_NODES} <= {len(one.nodes) for one in sample}
    assert len(set(sample)) > 385


@pytest.mark.slow
@settings(max_examples=3, deadline=None)
@given(seeds)
def test_neighbours_lead_back_and_mutations_are_neighbours(seed):
    architecture = drawn(seed)
    near = SPACE.neighbours(architecture)
    assert len(near) == len(set(near))
    assert architecture not in near
    for other in near[:: max(1, len(near) // 2)]:
        assert architecture in SPACE.neighbours(other)
    assert SPACE.mutate(architecture, np.random.default_rng(seed)) in near


def test_neighbours_are_those_of_one_edit():
    near = {str(one) for one in SPACE.neighbours(SPACE.parse("linear~x+h0|tanh~1|h0~2"))}
    wanted = ("linear~x+h0|sigmoid~1|h0~2", "linear~x+h0|h0~1", "linear~x+h0|tanh~1|tanh~2|h0~3")
    assert set(wanted) <= near
    assert str(SPACE.parse("linear~x+h1|tanh~1|linear~2+h0|h0~3|h1~2")) not in near


# Networks


def test_a_cell_computes_what_its_text_says():
    cell = SPACE.parse("linear~x+h0|sigmoid~1|linear~x+2|blend~2+h0+3|h0~4")
    network = SPACE.build(cell, 7, embedding=5, layers=1).eval()
    tokens = torch.tensor([[3, 1, 4]])
    state = torch.zeros(1, 5)
    (layer,) = network.layers
    gate, other = (layer.linear[str(place)] for place, (op, _) in enumerate(cell.nodes) if op == "linear")
    with torch.inference_mode():
        for token in tokens[0]:
            x = network.vectors(token)[None]
            first = (gate.old(state) + gate.new(x)).sigmoid()
            second = other.old(first) + other.new(x)
            state = first * state + (1 - first) * second
        expected = state @ network.vectors.weight.T + network.bias
        assert torch.allclose(network(tokens), expected, atol=1e-6)


def test_a_text_can_be_read_in_parts():
    network = SPACE.build(SPACE.parse(LSTM), 11, embedding=6, hidden=8, layers=2).eval()
    tokens = torch.randint(11, (3, 20), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole, _ = network.read(tokens)
        first, states = network.read(tokens[:, :9])
        second, _ = network.read(tokens[:, 9:], states)
        assert torch.allclose(torch.cat([first, second], 1), whole, atol=1e-6)
        assert torch.allclose(network(tokens), whole[:, -1], atol=1e-6)


def test_dropout_is_for_training_only():
    network = SPACE.build(SPACE.parse(LSTM), 11, embedding=16, hidden=16, layers=2)
    tokens = torch.zeros(2, 5, dtype=torch.int64)
    assert not network(tokens).equal(network(tokens))
    network.eval()
    assert network(tokens).equal(network(tokens))


@pytest.mark.numeric
@pytest.mark.parametrize("text", ["linear~x+h0|tanh~1|h0~2", LSTM])
def test_networks_learn(text):
    """What comes three tokens later in a text that repeats itself."""
    torch.manual_seed(0)
    tokens = torch.arange(240).remainder(6).view(1, -1)
    network = SPACE.build(SPACE.parse(text), 6, embedding=12, layers=1, input_dropout=0.0, dropout=0.0)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(5):
        for start in range(0, 200, 20):
            logits, _ = network.read(tokens[:, start : start + 20])
            loss = cross_entropy(logits[0], tokens[0, start + 1 : start + 21])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert loss < 0.3


@settings(max_examples=4, deadline=None)
@given(seeds)
def test_costs_are_those_of_the_network(seed):
    chosen = {"embedding": 5, "hidden": 7, "layers": 2}
    architecture = drawn(seed)
    network = SPACE.build(architecture, 9, **chosen)
    costs = SPACE.at(NetworkSize(9, None, chosen)).costs(architecture, 9)
    assert costs == network_costs(network, SPACE.example_inputs(1))
    assert costs.params == sum(parameter.numel() for parameter in network.parameters())


def test_the_weights_of_words_and_softmax_are_the_same():
    small, large = (SPACE.costs(SPACE.parse(LSTM), words).params for words in (1000, 2000))
    assert large - small == 1000 * (400 + 1)


def test_the_space_says_what_its_networks_take():
    assert (SPACE.takes_images, SPACE.input_names, SPACE.goal) == (False, ("tokens",), "-perplexity")
    assert list(inspect.signature(SPACE.build(SPACE.parse(LSTM), 9).forward).parameters) == ["tokens"]
    assert str(SPACE.network_size) == "10000 classes"


def test_drawings_show_every_node():
    space = get_space("nlp")
    drawing = space.draw(space.parse("linear~x+h0|sigmoid~1|linear~x+2|blend~2+h0+3|h0~4"))
    assert all(name in drawing for name in ("linear", "sigmoid", "blend", "new h0"))
    assert "absent" not in drawing
