"""What every space promises about its architectures: round trips, neighbours, projection, uniform sampling."""

from __future__ import annotations

import pickle
import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from search_spaces import ArchGraph, InvalidArchitectureError, get_space
from search_spaces.mbv3 import MBV3, MBV3Architecture, from_ofa, to_ofa
from search_spaces.mbv3.architecture import stage_variants
from search_spaces.nb201 import NB201, NB201Architecture

cells = st.tuples(*[st.integers(2, 6)] * 6).map(NB201Architecture)
mobiles = st.tuples(*[st.sampled_from(stage_variants())] * 5).map(lambda stages: MBV3Architecture(sum(stages, ())))
in_their_space = st.one_of(
    st.tuples(st.just(get_space("nb201")), cells), st.tuples(st.just(get_space("mbv3")), mobiles)
)


@pytest.fixture(params=["nb201", "mbv3"])
def space(request):
    return get_space(request.param)


# Round trips


@given(in_their_space)
def test_every_encoding_gives_the_architecture_back(case):
    space, architecture = case
    assert space.parse(str(architecture)) == architecture
    assert space.decode(space.encode(architecture)) == architecture
    assert space.from_parameters(space.to_parameters(architecture)) == architecture
    assert pickle.loads(pickle.dumps(architecture)) == architecture  # noqa: S301
    assert hash(space.parse(str(architecture))) == hash(architecture)
    assert str(architecture) in repr(architecture)


@given(in_their_space, in_their_space)
def test_two_architectures_are_equal_iff_their_strings_are(one, other):
    assert (one[1] == other[1]) == (str(one[1]) == str(other[1]))


@pytest.mark.slow
@given(in_their_space)
def test_graph_is_topologically_ordered_and_in_the_vocabulary(case):
    space, architecture = case
    graph = space.encode(architecture)
    assert graph.ops.dtype == np.int64
    assert graph.ops.shape == (space.num_nodes,)
    assert graph.ops.min() >= 0
    assert graph.ops.max() < len(space.op_names)
    assert not np.tril(graph.adjacency).any()
    assert np.array_equal(graph.adjacency, space.adjacency)
    assert np.all((space.fixed_ops == -1) | (space.fixed_ops == graph.ops))
    assert space.is_valid(graph)


@given(in_their_space)
def test_parameters_are_choices_of_the_space(case):
    space, architecture = case
    values = space.to_parameters(architecture)
    assert list(values) == [parameter.name for parameter in space.parameters()]
    for parameter in space.parameters():
        assert values[parameter.name] in parameter.values
        if parameter.is_ordered:
            assert list(parameter.values) == sorted(parameter.values)


def test_many_are_encoded_as_one_is(space):
    architectures = space.sample(50, np.random.default_rng(1))
    assert np.array_equal(space.codes(architectures), [space.encode(a).ops for a in architectures])
    assert space.codes([]).shape == (0, space.num_nodes)


@given(mobiles)
def test_ofa_lists_give_the_architecture_back(architecture):
    ks, e, d = to_ofa(architecture)
    assert from_ofa(ks, e, d) == architecture
    unused = [slot for slot in range(20) if slot % 4 >= d[slot // 4]]
    assert all(ks[slot] == 3 and e[slot] == 3 for slot in unused)


@given(mobiles, st.sampled_from([3, 5, 7, 0, 99]))
def test_unused_ofa_slots_and_inactive_parameters_have_no_effect(architecture, noise):
    ks, e, d = to_ofa(architecture)
    values = MBV3().to_parameters(architecture)
    for slot in range(20):
        if slot % 4 >= d[slot // 4]:
            ks[slot] = e[slot] = noise
            values[f"kernel_{slot // 4 + 1}_{slot % 4 + 1}"] = 7
            values[f"expand_{slot // 4 + 1}_{slot % 4 + 1}"] = 6
    assert from_ofa(ks, e, d) == architecture
    assert MBV3().from_parameters(values) == architecture


def test_strings_are_the_documented_ones():
    cell = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|nor_conv_3x3~1|skip_connect~2|"
    assert NB201().parse(cell) == NB201Architecture((6, 4, 3, 2, 5, 3))
    mobile = "k3e6-k5e4|k7e3-k3e3-k5e6|k3e3-k3e4|k7e6-k7e4-k5e3-k5e4|k3e3-k3e3"
    parsed = MBV3().parse(mobile)
    assert str(parsed) == mobile
    assert parsed.depths == (2, 3, 2, 4, 2)
    assert parsed.stages[0] == ((3, 6), (5, 4))


def test_line_graph_joins_edges_that_meet():
    """DiffusionNAG's own matrix has two nodes swapped; this is the line graph of the string's order."""
    successors = [np.flatnonzero(row).tolist() for row in NB201().adjacency]
    assert successors == [[1, 2, 4], [3, 5], [6], [6], [7], [7], [7], []]


def test_chain_joins_all_slots():
    assert [np.flatnonzero(row).tolist() for row in MBV3().adjacency] == [[i + 1] for i in range(19)] + [[]]


def test_all_cells_are_enumerated_once():
    cells = NB201().all()
    assert len(set(cells)) == len(cells) == NB201().size == 15_625
    assert cells == [NB201Architecture(ops) for ops in product(range(2, 7), repeat=6)]


@pytest.mark.slow
def test_table_of_the_benchmark_is_the_space(data_dir):
    import pandas as pd

    table = pd.read_parquet(data_dir / "nb201_accuracy.parquet")
    (column,) = [name for name in table.columns if table[name].astype(str).str.startswith("|").all()]
    assert {NB201().parse(text) for text in table[column]} == set(NB201().all())


def test_size_of_mbv3_is_that_of_the_paper():
    assert len(stage_variants()) == len(set(stage_variants())) == 9**2 + 9**3 + 9**4
    assert len(stage_variants()) ** 5 == MBV3().size


# Neighbours


def genes(architecture):
    """All genes of an architecture as a dict, inactive ones left out."""
    if isinstance(architecture, NB201Architecture):
        return dict(enumerate(architecture.ops))
    found = {}
    for stage, blocks in enumerate(architecture.stages):
        found["depth", stage] = len(blocks)
        for position, (kernel, expand) in enumerate(blocks):
            found["kernel", stage, position], found["expand", stage, position] = kernel, expand
    return found


@given(in_their_space)
def test_neighbours_are_distinct_and_differ_in_one_gene(case):
    space, architecture = case
    neighbours = space.neighbours(architecture)
    assert len(set(neighbours)) == len(neighbours)
    before = genes(architecture)
    for neighbour in neighbours:
        after = genes(neighbour)
        changed = [gene for gene in before.keys() & after.keys() if before[gene] != after[gene]]
        assert len(changed) == 1
        gained = before.keys() ^ after.keys()
        if gained:  # only a change of depth adds or removes genes, those of one block
            ((_, stage),) = changed
            assert abs(before["depth", stage] - after["depth", stage]) == 1
            last = max(before["depth", stage], after["depth", stage]) - 1
            assert gained == {("kernel", stage, last), ("expand", stage, last)}


@given(in_their_space)
def test_no_neighbour_is_forgotten(case):
    space, architecture = case
    if space.name == "nb201":
        expected = 6 * 4
    else:  # two other kernels and expands per block; one shallower stage; nine deeper ones
        expected = sum(4 * depth + (depth > 2) + 9 * (depth < 4) for depth in architecture.depths)
    assert len(space.neighbours(architecture)) == expected


@given(in_their_space, st.integers(0, 10_000))
def test_neighbourhood_is_symmetric(case, pick):
    space, architecture = case
    neighbours = space.neighbours(architecture)
    assert architecture in space.neighbours(neighbours[pick % len(neighbours)])


def test_mutation_draws_neighbours_uniformly(space):
    rng = np.random.default_rng(3)
    (architecture,) = space.sample(1, rng)
    neighbours = space.neighbours(architecture)
    counts = dict.fromkeys(neighbours, 0)
    for _ in range(40 * len(neighbours)):
        counts[space.mutate(architecture, rng)] += 1
    assert len(counts) == len(neighbours)
    assert chisquare(list(counts.values())).pvalue > 1e-3


# Projection

ALL_CELLS = NB201().all()
ALL_CELL_OPS = NB201().codes(ALL_CELLS)
small_scores = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def candidate_sums(scores, candidates):
    """(C,) the sum of the scores of each candidate's operations; scores: (N, V), candidates: (C, N)."""
    return scores[np.arange(scores.shape[0]), candidates].sum(axis=1)


@given(small_scores, st.sampled_from([2, 3, 1000]))
def test_cells_are_projected_to_the_nearest_one(rng, levels):
    scores = rng.integers(levels, size=(3, 8, 7)).astype(float)
    for row, projected in zip(scores, NB201().project(scores), strict=True):
        # all() is in the order of the operations, and argmax takes the first of equals
        assert projected == ALL_CELLS[int(candidate_sums(row, ALL_CELL_OPS).argmax())]


@pytest.mark.slow
@given(small_scores, st.sampled_from([2, 3, 1000]))
def test_stages_are_projected_to_the_nearest_one(rng, levels):
    scores = rng.integers(levels, size=(4, 20, 10)).astype(float)
    variants = np.array(sorted(stage_variants()))
    for row, projected in zip(scores, MBV3().project(scores), strict=True):
        for stage in range(5):
            part = slice(4 * stage, 4 * stage + 4)
            assert projected.ops[part] == tuple(variants[candidate_sums(row[part], variants).argmax()])


@given(in_their_space)
def test_projection_leaves_valid_graphs_alone(case):
    space, architecture = case
    one_hot = np.eye(len(space.op_names))[space.codes([architecture])]
    assert space.project(one_hot) == [architecture]
    assert space.project(one_hot.astype(np.float32)) == [architecture]


def test_projection_of_wrong_shape_says_so(space):
    with pytest.raises(ValueError, match=r"scores must be \(B, "):
        space.project(np.zeros((2, 3, 4)))
    assert space.project(np.zeros((0, space.num_nodes, len(space.op_names)))) == []


# Sampling


def test_samples_are_a_function_of_the_generator(space):
    assert space.sample(30, np.random.default_rng(5)) == space.sample(30, np.random.default_rng(5))
    assert space.sample(30, np.random.default_rng(5)) != space.sample(30, np.random.default_rng(6))
    assert space.sample(0, np.random.default_rng(5)) == []


@pytest.mark.slow
def test_cells_are_drawn_uniformly():
    ops = np.array([cell.ops for cell in NB201().sample(156_250, np.random.default_rng(0))]) - 2
    for edge in ops.T:
        assert chisquare(np.bincount(edge, minlength=5)).pvalue > 1e-3
    assert chisquare(np.bincount(ops @ 5 ** np.arange(6), minlength=15_625)).pvalue > 1e-3


def test_stages_are_drawn_uniformly_over_their_variants():
    sample = np.array([a.ops for a in MBV3().sample(20_000, np.random.default_rng(0))]).reshape(-1, 5, 4)
    depths = (sample < 9).sum(axis=2)
    expected = np.array([9**2, 9**3, 9**4]) / 7371 * len(sample)
    for stage in depths.T:
        assert chisquare(np.bincount(stage, minlength=5)[2:], expected).pvalue > 1e-3
    codes = np.unique(sample.reshape(-1, 4) @ 10 ** np.arange(4), return_counts=True)[1]
    assert len(codes) == 7371
    assert chisquare(codes).pvalue > 1e-3


# Bad input

CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
MOBILE = "k3e3-k3e3|k3e3-k3e3|k3e3-k3e3|k3e3-k3e3|k3e3-k3e3"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("nb201", "", "a cell has three"),
        ("nb201", "none", "a cell has three"),
        ("nb201", CELL[1:], "part 1 of the cell, 'none~0|', is not 1 edge"),
        ("nb201", CELL.replace("|none~1|+", "|+"), r"part 2 of the cell, '\|none~0\|', is not 2 edge"),
        ("nb201", CELL[:-7] + "nor_conv_3x~2|", "edge 3<-2 .* 'nor_conv_3x': did you mean 'nor_conv_3x3'"),
        ("nb201", CELL[:-7] + "input~2|", "edge 3<-2 .* unknown operation 'input'"),
        ("nb201", CELL[:-7] + "none~1|", "edge 3<-2 .* 'none~2', not 'none~1'"),
        ("nb201", CELL[:-7] + "none|", "edge 3<-2 .* 'none~2', not 'none'"),
        ("mbv3", "", "has 1 stage.* needs 5"),
        ("mbv3", MOBILE + "|k3e3-k3e3", "has 6 stage.* needs 5"),
        ("mbv3", MOBILE.replace("k3e3-k3e3|", "k3e3-k3e5|", 1), "stage 1, block 2: .* 'k3e5': did you mean 'k3e"),
        ("mbv3", MOBILE + "-skip", "stage 5, block 3: unknown operation 'skip'"),
        ("mbv3", MOBILE + "-", "stage 5, block 3: unknown operation ''"),
        ("mbv3", MOBILE + "-k3e3" * 3, r"stage 5 has 5 block\(s\), it must have 2, 3 or 4"),
        ("mbv3", MOBILE[:-5], r"stage 5 has 1 block\(s\)"),
    ],
)
def test_bad_strings_are_refused_with_place_and_remedy(name, text, message):
    with pytest.raises(InvalidArchitectureError, match=message) as error:
        get_space(name).parse(text)
    assert "\n" not in str(error.value)


@given(in_their_space, st.data())
def test_damaged_graphs_are_refused(case, data):
    space, architecture = case
    graph = space.encode(architecture)
    node = data.draw(st.integers(0, space.num_nodes - 1))
    op = data.draw(st.sampled_from([-1, len(space.op_names)]))
    ops = graph.ops.copy()
    ops[node] = op
    assert not space.is_valid(ArchGraph(ops, graph.adjacency))
    adjacency = graph.adjacency.copy()
    adjacency[0, space.num_nodes - 1] ^= True
    with pytest.raises(InvalidArchitectureError, match="edges"):
        space.decode(ArchGraph(graph.ops, adjacency))
    with pytest.raises(InvalidArchitectureError, match="nodes"):
        space.decode(ArchGraph(graph.ops[1:], graph.adjacency[1:, 1:]))


@given(st.tuples(*[st.integers(0, 6)] * 8))
def test_cell_graphs_are_valid_iff_their_ends_are_the_ends(ops):
    valid = ops[0] == 0 and ops[-1] == 1 and all(op >= 2 for op in ops[1:-1])
    assert NB201().is_valid(ArchGraph(np.array(ops), NB201().adjacency)) == valid


@given(st.lists(st.tuples(*[st.sampled_from([0, 8, 9])] * 4), min_size=5, max_size=5))
def test_chains_are_valid_iff_skips_end_each_stage(stages):
    def well_formed(stage):
        skipped = [op == 9 for op in stage]
        return skipped == sorted(skipped) and sum(skipped) <= 2

    ops = np.array(stages).ravel()
    assert MBV3().is_valid(ArchGraph(ops, MBV3().adjacency)) == all(map(well_formed, stages))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("nb201", {"edge_3_1": "conv_3x3"}, "'edge_3_1' cannot be 'conv_3x3': did you mean 'nor_conv_3x3'"),
        ("nb201", {"edge_1_0": 3}, "'edge_1_0' cannot be 3"),
        ("nb201", {"edge_0_1": "none"}, "unknown parameter 'edge_0_1': did you mean 'edge_"),
        ("nb201", {"edge_1_0": None}, "parameter 'edge_1_0' is missing"),
        ("mbv3", {"depth_2": 5}, "'depth_2' cannot be 5: choose from 2, 3, 4"),
        ("mbv3", {"kernel_1_1": "3"}, "'kernel_1_1' cannot be '3': choose from 3, 5, 7"),
        ("mbv3", {"expand_1_1": 5}, "'expand_1_1' cannot be 5: choose from 3, 4, 6"),
        ("mbv3", {"kernal_1_1": 3}, "unknown parameter 'kernal_1_1': did you mean 'kernel_1_1'"),
        ("mbv3", {"expand_1_2": None}, "parameter 'expand_1_2' is missing"),
    ],
)
def test_bad_parameters_are_refused_by_name(name, change, message):
    space = get_space(name)
    values = space.to_parameters(space.sample(1, np.random.default_rng(0))[0]) | change
    values = {key: value for key, value in values.items() if value is not None}
    with pytest.raises(InvalidArchitectureError, match=message):
        space.from_parameters(values)


def test_bad_ofa_lists_are_refused():
    with pytest.raises(InvalidArchitectureError, match="20, 20 and 5 values; got 20, 20 and 4"):
        from_ofa([3] * 20, [3] * 20, [2] * 4)
    with pytest.raises(InvalidArchitectureError, match="depth of stage 2 must be 2, 3 or 4, not 5"):
        from_ofa([3] * 20, [3] * 20, [2, 5, 2, 2, 2])
    with pytest.raises(InvalidArchitectureError, match="stage 1, block 2: kernel must be 3, 5 or 7, not 4"):
        from_ofa([3, 4] * 10, [3] * 20, [2] * 5)
    with pytest.raises(InvalidArchitectureError, match="stage 1, block 1: expand ratio must be 3, 4 or 6, not 5"):
        from_ofa([3] * 20, [5] * 20, [2] * 5)


def test_architectures_that_do_not_exist_cannot_be_made():
    with pytest.raises(InvalidArchitectureError, match="6 operations"):
        NB201Architecture((2,) * 5)
    with pytest.raises(InvalidArchitectureError, match="from 2 to 6"):
        NB201Architecture((0,) * 6)
    with pytest.raises(InvalidArchitectureError, match="20 slots"):
        MBV3Architecture((0,) * 19)
    with pytest.raises(InvalidArchitectureError, match="stage 1"):
        MBV3Architecture((0, 9, 0, 9) + (0,) * 16)


def test_architectures_of_another_space_are_refused():
    cell, mobile = NB201().all()[0], MBV3().sample(1, np.random.default_rng(0))[0]
    for space, stranger in ((NB201(), mobile), (MBV3(), cell)):
        for use in (space.encode, space.neighbours, space.to_parameters, space.costs, space.build):
            with pytest.raises(TypeError, match=f"the space {space.name} has no architecture"):
                use(stranger)


# Speed, in processor seconds, with room for slow machines


def test_batches_are_fast(space):
    rng = np.random.default_rng(0)
    start = time.process_time()
    architectures = space.sample(10_000, rng)
    space.codes(architectures)
    space.project(rng.normal(size=(1_000, space.num_nodes, len(space.op_names))))
    for architecture in architectures:
        space.costs(architecture)
    assert time.process_time() - start < 2
