"""Features of learned edges against live paths that are enumerated here, graph by graph, and against counts by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonag.predictors.features import MAX_PATHS, GraphFeatures
from bonag.predictors.live_paths import count_paths
from bonag.predictors.paths import PathBlocks
from bonag.predictors.sequences import CHUNK, SequenceBlocks
from search_spaces import ProductSpace, SearchSpace, Site
from search_spaces.nb201.architecture import FREE_NAMES

learned = pytest.mark.parametrize("name", ["learned_cells", "nb101", "darts", "nbgraph"])
STAGES = 13


def possible_edges(space: SearchSpace) -> np.ndarray:
    edges = space.adjacency.copy()
    edges[tuple(space.free_edges.T)] = True
    return edges


def varying(space: SearchSpace) -> list[int]:
    """The operations that free nodes have."""
    return [op for op in range(len(space.op_names)) if op not in space.fixed_ops]


def live_paths(space: SearchSpace, code: np.ndarray) -> list[tuple[int, ...]]:
    graph, possible = space.graph(code), possible_edges(space)

    def onward(path: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if graph.ops[path[-1]] == space.null_op:
            return
        if not possible[path[-1]].any():
            yield path
        for node in np.flatnonzero(graph.adjacency[path[-1]]):
            yield from onward((*path, int(node)))

    sources = np.flatnonzero(~possible.any(axis=0))
    return [path for source in sources for path in onward((int(source),))]


def cells_of(space: SearchSpace) -> list[set[int]]:
    """The nodes that edges may join."""
    joined = possible_edges(space) | possible_edges(space).T | np.eye(space.num_nodes, dtype=bool)
    reach = np.linalg.matrix_power(joined.astype(float), space.num_nodes) > 0
    return [set(np.flatnonzero(row).tolist()) for row in np.unique(reach, axis=0)[::-1]]


def expected_totals(space: SearchSpace, code: np.ndarray) -> list[float]:
    ops, row = code[: space.num_nodes].tolist(), []
    counted = [op for op in varying(space) if op != space.null_op]
    for cell in cells_of(space):
        paths = [path for path in live_paths(space, code) if path[0] in cell]
        live = Counter(ops[node] for node in {n for path in paths for n in path} if space.fixed_ops[node] < 0)
        edges = {edge for path in paths for edge in pairwise(path)}
        lengths = [sum(ops[n] in counted and ops[n] != space.identity_op for n in path) for path in paths] or [0]
        row += [*(live[op] for op in counted), len(edges), np.log1p(len(paths)), max(lengths), min(lengths)]
    return row


def expected_sequences(space: SearchSpace, code: np.ndarray) -> list[Counter[tuple[int, ...]]]:
    """How many pairs and triples of nodes spell each sequence of operations, cell by cell."""
    found = []
    for cell in cells_of(space):
        runs = set()
        for path in live_paths(space, code):
            inner = [
                n for n in path[1:-1] if space.fixed_ops[n] < 0 and code[n] not in (space.identity_op, space.null_op)
            ]
            letters = (path[0], *inner, path[-1])
            for length in (2, 3):
                runs |= {letters[i : i + length] for i in range(len(letters) - length + 1) if path[0] in cell}
        found.append(Counter(tuple(int(code[node]) for node in run) for run in runs))
    return found


def scrambled(space: SearchSpace, codes: np.ndarray, seed: int) -> np.ndarray:
    """The codes with other operations at a third of the free nodes and any class at a fifth of the free edges."""
    rng, sites = np.random.default_rng(seed), codes.shape
    nodes = np.arange(sites[1]) < space.num_nodes
    drawn = np.where(nodes, rng.choice(varying(space), size=sites), rng.integers(2, size=sites))
    free = np.concatenate([space.fixed_ops < 0, np.ones(len(space.free_edges), dtype=bool)])
    return np.where(free & (rng.random(sites) < np.where(nodes, 0.33, 0.2)), drawn, codes)


@pytest.fixture(scope="module")
def graphs(
    request: pytest.FixtureRequest, draw_codes: Callable[..., np.ndarray]
) -> Callable[[str], tuple[SearchSpace, np.ndarray]]:
    """A space and codes of it, of which only the first half need be valid."""

    def make(name: str) -> tuple[SearchSpace, np.ndarray]:
        space = request.getfixturevalue(name)
        codes = draw_codes(space, 40, 0)
        return space, np.concatenate([codes, scrambled(space, codes, 1)])

    return make


@learned
def test_totals_equal_brute_force(graphs: Callable, name: str) -> None:
    space, codes = graphs(name)
    expected = np.array([expected_totals(space, code) for code in codes])
    np.testing.assert_allclose(SequenceBlocks(space)(codes)["totals"], expected)
    assert len(np.unique(expected, axis=0)) > len(codes) / 2


@learned
def test_sequences_equal_brute_force(graphs: Callable, name: str) -> None:
    space, codes = graphs(name)
    possible = possible_edges(space)
    inner = [op for op in varying(space) if op not in (space.null_op, space.identity_op)]
    first = sorted({*inner, *space.fixed_ops[~possible.any(axis=0)].tolist()})
    last = sorted({*inner, *space.fixed_ops[~possible.any(axis=1)].tolist()})
    words: list[tuple[int, ...]] = [*product(first, last), *product(first, inner, last)]
    counted = 0
    for row, code in zip(SequenceBlocks(space)(codes)["sequences"], codes, strict=True):
        expected = expected_sequences(space, code)
        assert row.tolist() == [cell[word] for cell in expected for word in words]
        counted += sum(cell.total() for cell in expected)
    assert row.sum() == sum(cell.total() for cell in expected)
    assert counted > 5 * len(codes)


def test_on_one_topology_they_agree_with_the_paths(nb201: SearchSpace, all_cells: np.ndarray) -> None:
    listed, summed = PathBlocks(nb201)(all_cells)["totals"], SequenceBlocks(nb201)(all_cells)["totals"]
    # In between stands the number of edges, which paths are not asked for.
    used, number, lengths = summed[:, :4], np.expm1(summed[:, 5]), summed[:, 6:]
    np.testing.assert_allclose(np.column_stack([used, number, lengths]), listed, atol=1e-9)


def test_by_hand(nb101: SearchSpace) -> None:
    names = nb101.op_names
    # input -> conv3x3 -> maxpool -> output, and input -> maxpool, and input -> output.
    ops = ["input", "conv3x3-bn-relu", "maxpool3x3", "absent", "absent", "absent", "output"]
    edges = {(0, 1), (1, 2), (2, 6), (0, 2), (0, 6)}
    code = np.array([*map(names.index, ops), *(tuple(pair) in edges for pair in nb101.free_edges.tolist())])
    assert nb101.is_valid(nb101.graph(code))
    blocks = SequenceBlocks(nb101)(code[None])
    used = dict.fromkeys(("conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"), 0.0) | {
        "conv3x3-bn-relu": 1.0,
        "maxpool3x3": 1.0,
    }
    in_order = [used[name] for name in names if name in used]
    np.testing.assert_allclose(blocks["totals"][0], [*in_order, 5, np.log1p(3), 2, 0])
    # Each edge makes a pair; the triples are input-conv-pool, conv-pool-output and input-pool-output.
    assert blocks["sequences"].sum() == 5 + 3
    assert blocks["sequences"].max() == 1
    assert blocks["slots"].sum() == 2 + 5


# What makes no difference


@learned
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_dead_makes_no_difference(graphs: Callable, name: str, data: st.DataObject) -> None:
    space, codes = graphs(name)
    code = codes[data.draw(st.integers(0, len(codes) - 1))]
    paths = live_paths(space, code)
    live = {node for path in paths for node in path}
    changed = code.copy()
    for node in np.flatnonzero(space.fixed_ops < 0).tolist():
        # Not the null operation, which may be all that keeps a node from living.
        if node not in live and code[node] != space.null_op:
            changed[node] = data.draw(st.sampled_from(varying(space)))
    for site, (tail, head) in enumerate(space.free_edges.tolist(), start=space.num_nodes):
        # An edge among the dead cannot be taken off their hands: it is there, and no live path goes over it.
        if code[site] and not any((tail, head) in pairwise(path) for path in paths):
            changed[site] = data.draw(st.integers(0, 1))
    blocks, others = (SequenceBlocks(space)(c[None]) for c in (code, changed))
    assert all(np.array_equal(blocks[block], others[block]) for block in blocks)


def test_dead_operations_are_there_to_be_changed(nb101: SearchSpace, draw_codes: Callable[..., np.ndarray]) -> None:
    codes = scrambled(nb101, draw_codes(nb101, 40, 0), 1)
    dead = 0
    for code in codes:
        live = {node for path in live_paths(nb101, code) for node in path}
        dead += sum(node not in live and code[node] != nb101.null_op for node in range(7))
    assert dead > 40


@learned
def test_the_company_makes_no_difference(
    request: pytest.FixtureRequest, draw_codes: Callable[..., np.ndarray], name: str
) -> None:
    space = request.getfixturevalue(name)
    codes, blocks = draw_codes(space, CHUNK + 20, 3), SequenceBlocks(space)
    together, alone = blocks(codes), blocks(codes[CHUNK + 3 : CHUNK + 4])
    assert all(np.array_equal(alone[block], together[block][CHUNK + 3 : CHUNK + 4]) for block in alone)


# Several cells


def test_two_cells_that_change_places_change_their_columns(
    darts: SearchSpace, draw_codes: Callable[..., np.ndarray]
) -> None:
    codes, nodes = draw_codes(darts, 50, 0), darts.num_nodes
    edges = darts.free_edges
    assert len(cells_of(darts)) == 2
    within = edges[:, 0] < nodes // 2
    assert np.array_equal(edges[within] + nodes // 2, edges[~within])
    ops = np.roll(codes[:, :nodes], nodes // 2, axis=1)
    learned_edges = codes[:, nodes:][:, np.r_[np.flatnonzero(~within), np.flatnonzero(within)]]
    blocks, swapped = (SequenceBlocks(darts)(c) for c in (codes, np.concatenate([ops, learned_edges], axis=1)))
    for block in ("totals", "sequences"):
        half = blocks[block].shape[1] // 2
        assert np.array_equal(np.roll(blocks[block], half, axis=1), swapped[block])
        assert (blocks[block] != swapped[block]).any(axis=1).all()


# Many paths


def rungs() -> list[tuple[str, str]]:
    """Stages of two nodes side by side, each of which feeds both of the next stage."""
    stages = [("input",), *((f"left{i}", f"right{i}") for i in range(STAGES)), ("output",)]
    return [pair for before, after in pairwise(stages) for pair in product(before, after)]


class Ladder(ProductSpace):
    """An operation for every node of a ladder."""

    identity, null = "skip_connect", "none"
    sites = (
        Site("input", ("input",)),
        *(Site(f"{side}{i}", FREE_NAMES) for i in range(STAGES) for side in ("left", "right")),
        Site("output", ("output",)),
    )
    edges = rungs()


def test_a_topology_of_many_paths_is_not_enumerated(draw_codes: Callable[..., np.ndarray]) -> None:
    space = Ladder()
    assert count_paths(space.adjacency) == 2**STAGES > MAX_PATHS
    features = GraphFeatures(space)
    assert list(features.blocks) == ["slots", "totals", "sequences"]
    codes = draw_codes(space, 60, 0)
    stages = codes[:, 1:-1].reshape(len(codes), STAGES, 2)
    alive, steps = stages != space.null_op, stages > space.identity_op
    paths = alive.sum(axis=2).prod(axis=1)
    longest = (steps & alive).max(axis=2).sum(axis=1) * (paths > 0)
    shortest = np.where(alive, steps, 1).min(axis=2).sum(axis=1) * (paths > 0)
    assert (paths > 0).sum() > 10
    assert (paths == 0).sum() > 10
    totals = SequenceBlocks(space)(codes)["totals"]
    np.testing.assert_allclose(totals[:, -3:], np.column_stack([np.log1p(paths), longest, shortest]))
    assert (totals[paths == 0] == 0).all()


def test_paths_are_counted(nb201: SearchSpace, mbv3: SearchSpace) -> None:
    assert [count_paths(space.adjacency) for space in (nb201, mbv3)] == [4, 1]
    # Every subset of the inner nodes is a path of the complete graph.
    assert count_paths(np.triu(np.ones((60, 60), dtype=bool), k=1)) == 2**58
    assert count_paths(np.zeros((5, 5), dtype=bool)) == 5
