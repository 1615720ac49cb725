"""Features against paths that are enumerated here, cell by cell, and against counts by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from bonag.predictors.features import GraphFeatures
from search_spaces import SearchSpace
from search_spaces.mbv3.architecture import BLOCKS, SKIP

# The ways through a cell of four nodes, as places in its string (1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2), from 1 on as
# they are nodes of the graph.
WAYS = ((4,), (1, 5), (2, 6), (1, 3, 6))
NONE, SKIP_CONNECT, CONV_1, CONV_3, POOL = 2, 3, 4, 5, 6


@pytest.fixture(scope="module")
def cell_features(nb201: SearchSpace) -> GraphFeatures:
    return GraphFeatures(nb201)


@pytest.fixture(scope="module")
def chain_features(mbv3: SearchSpace) -> GraphFeatures:
    return GraphFeatures(mbv3)


def live_ways(ops: Sequence[int]) -> list[tuple[int, ...]]:
    return [way for way in WAYS if all(ops[node] != NONE for node in way)]


def spelled(ops: Sequence[int], way: tuple[int, ...]) -> tuple[int, ...]:
    """The operations along a way that change something."""
    return tuple(ops[node] for node in way if ops[node] != SKIP_CONNECT)


def block(features: GraphFeatures, name: str, ops: np.ndarray) -> np.ndarray:
    return features(ops)[:, features.blocks[name]]


def assert_counts(columns: np.ndarray, counts: np.ndarray) -> None:
    """Every column grows linearly with the counts beside it; where these never vary, it is constant."""
    assert columns.shape == counts.shape
    for column, count in zip(columns.T, counts.T, strict=True):
        if (count == count[0]).all():
            assert np.ptp(column) == 0
        else:
            slope = (column[count.argmax()] - column[count.argmin()]) / np.ptp(count)
            assert slope > 0
            np.testing.assert_allclose(column, column[0] + slope * (count - count[0]), atol=1e-9)


@pytest.mark.slow
def test_path_counts_equal_brute_force_on_all_cells(cell_features: GraphFeatures, all_cells: np.ndarray) -> None:
    tallies = [Counter(spelled(ops, way) for way in live_ways(ops)) for ops in all_cells.tolist()]
    words = {word: place for place, word in enumerate(sorted({word for tally in tallies for word in tally}))}
    counts = np.zeros((len(all_cells), len(words)))
    for row, tally in enumerate(tallies):
        for word, times in tally.items():
            counts[row, words[word]] = times
    columns = block(cell_features, "paths", all_cells)
    # Codes that no path spells are constant; every other column is one word's.
    used = columns[:, np.ptp(columns, axis=0) > 0]
    assert len(words) == used.shape[1] == 1 + 3 + 9 + 27
    place = np.corrcoef(used, counts, rowvar=False)[len(words) :, : len(words)].argmax(axis=0)
    assert sorted(place) == list(range(len(words)))
    assert_counts(used, counts[:, place])


def test_totals_equal_brute_force_on_all_cells(cell_features: GraphFeatures, all_cells: np.ndarray) -> None:
    rows = []
    for ops in all_cells.tolist():
        ways = live_ways(ops)
        live = [ops[node] for node in {node for way in ways for node in way}]
        lengths = [len(spelled(ops, way)) for way in ways] or [0]
        used = [live.count(op) for op in (SKIP_CONNECT, CONV_1, CONV_3, POOL)]
        rows.append([*used, len(ways), max(lengths), min(lengths)])
    assert_counts(block(cell_features, "totals", all_cells), np.array(rows, dtype=np.float64))


def test_attributes_of_live_operations_are_summed(nb201: SearchSpace, all_cells: np.ndarray) -> None:
    class Sized(type(nb201)):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.op_attributes = np.array([0, 0, 50, 0, 1, 3, 3.5])[:, None]

    sizes, rows = Sized().op_attributes[:, 0], []
    for ops in all_cells[::7].tolist():
        live = {node for way in live_ways(ops) for node in way}
        rows.append(sum(sizes[ops[node]] for node in live))
    features = GraphFeatures(Sized())
    # After the counts of four operations.
    assert_counts(block(features, "totals", all_cells[::7])[:, [4]], np.array(rows)[:, None])


def test_slots_are_one_hot(cell_features: GraphFeatures, all_cells: np.ndarray) -> None:
    one_hot = np.eye(7)[all_cells[:, 1:-1]].reshape(len(all_cells), -1)
    assert_counts(block(cell_features, "slots", all_cells), one_hot)


def test_dead_nodes_do_not_count(cell_features: GraphFeatures, all_cells: np.ndarray) -> None:
    bare = all_cells.copy()
    for row, ops in enumerate(all_cells.tolist()):
        live = {node for way in live_ways(ops) for node in way}
        bare[row, [node for node in range(1, 7) if node not in live]] = NONE
    assert (bare != all_cells).any(axis=1).sum() > 5000
    for name in ("totals", "paths"):
        assert np.array_equal(block(cell_features, name, bare), block(cell_features, name, all_cells))


@pytest.mark.parametrize(
    ("one", "other", "blocks"),
    [
        # The two inner nodes change places: the same graph.
        (
            "|nor_conv_3x3~0|+|avg_pool_3x3~0|none~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|",
            "|avg_pool_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
            ("totals", "paths"),
        ),
        # The operations behind a "none" never see the input.
        (
            "|none~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
            "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|nor_conv_3x3~2|",
            ("totals", "paths"),
        ),
        # A skip connection lengthens no path, though it is counted as one.
        (
            "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
            "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
            ("paths",),
        ),
    ],
)
def test_cells_that_compute_the_same_look_the_same(
    nb201: SearchSpace, cell_features: GraphFeatures, one: str, other: str, blocks: tuple[str, ...]
) -> None:
    ops = nb201.codes([nb201.parse(one), nb201.parse(other)])
    for name in ("totals", "paths"):
        first, second = block(cell_features, name, ops)
        assert np.array_equal(first, second) == (name in blocks)


def test_the_order_along_a_path_matters(nb201: SearchSpace, cell_features: GraphFeatures) -> None:
    there = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|avg_pool_3x3~1|none~2|"
    back = "|avg_pool_3x3~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|"
    ops = nb201.codes([nb201.parse(there), nb201.parse(back)])
    assert np.ptp(block(cell_features, "totals", ops), axis=0).max() == 0
    assert np.ptp(block(cell_features, "paths", ops), axis=0).max() > 0


def test_a_cell_without_a_live_path_has_finite_features(nb201: SearchSpace, cell_features: GraphFeatures) -> None:
    dead = nb201.codes([nb201.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")])
    assert np.isfinite(cell_features(dead)).all()


def test_totals_of_a_chain_by_hand(
    mbv3: SearchSpace, chain_features: GraphFeatures, draw_codes: Callable[..., np.ndarray]
) -> None:
    ops = draw_codes(mbv3, 200, 0)
    used = (ops[..., None] == np.arange(SKIP + 1)).sum(axis=1)
    sizes = np.array([*BLOCKS, (0, 0)])[ops].sum(axis=1)
    depth = (ops != SKIP).sum(axis=1)
    counts = np.column_stack([used, sizes, np.ones(len(ops)), depth, depth])
    assert_counts(block(chain_features, "totals", ops), counts.astype(np.float64))


def test_a_chain_has_no_block_of_paths(chain_features: GraphFeatures) -> None:
    assert list(chain_features.blocks) == ["slots", "totals"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nb201", "mbv3", "learned_cells", "nb101", "darts", "nbgraph"])
def test_random_pairs_are_at_a_squared_distance_of_two_in_every_block(
    request: pytest.FixtureRequest, draw_codes: Callable[..., np.ndarray], name: str
) -> None:
    space = request.getfixturevalue(name)
    features = GraphFeatures(space)
    X = features(draw_codes(space, 4000, 1))
    assert sorted(column for columns in features.blocks.values() for column in columns) == list(range(X.shape[1]))
    for columns in features.blocks.values():
        one, other = np.split(X[:, columns], 2)
        assert ((one - other) ** 2).sum(axis=1).mean() == pytest.approx(2, rel=0.1)


def test_features_are_a_function_of_the_architecture_alone(
    mbv3: SearchSpace, chain_features: GraphFeatures, draw_codes: Callable[..., np.ndarray]
) -> None:
    ops = draw_codes(mbv3, 50, 2)
    assert np.array_equal(GraphFeatures(mbv3)(ops[7:8]), chain_features(ops)[7:8])


def test_sequences_take_the_place_of_paths_where_edges_are_free(
    nb201: SearchSpace, cell_features: GraphFeatures, learned_cells: SearchSpace, darts: SearchSpace
) -> None:
    assert list(cell_features.blocks) == ["slots", "totals", "paths"]
    for space in (learned_cells, darts):
        assert list(GraphFeatures(space).blocks) == ["slots", "totals", "sequences"]


def test_operations_with_a_kernel_size_in_common_resemble_each_other(chain_features: GraphFeatures) -> None:
    ops = [BLOCKS.index((3, 6)), BLOCKS.index((7, 6)), BLOCKS.index((7, 4)), SKIP]
    codes = np.array([[op] + [BLOCKS.index((3, 3))] * 19 for op in ops])
    slots = block(chain_features, "slots", codes)
    one_differs, both_differ, skipped = (np.linalg.norm(slots[0] - slots[other]) for other in (1, 2, 3))
    assert both_differ == pytest.approx(np.sqrt(2) * one_differs)
    assert skipped == pytest.approx(both_differ)
