"""The Weisfeiler-Lehman kernel, and the graphs that it sees."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.strategies.live_graph import live_graphs
from bonag.strategies.wl import WeisfeilerLehman
from search_spaces import SearchSpace, get_space

each_space = pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", "darts", "nbgraph"])


def codes_of(space: SearchSpace, n: int = 25) -> np.ndarray:
    return space.codes(space.sample(n, np.random.default_rng(0)))


@each_space
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("normalised", [True, False])
def test_the_kernel_is_that_of_grakel(name: str, depth: int, normalised: bool) -> None:
    grakel = pytest.importorskip("grakel")
    space = get_space(name)
    codes = codes_of(space)
    graphs = []
    for code, live, edges in zip(codes, *live_graphs(space, codes), strict=True):
        nodes = np.flatnonzero(live).tolist()
        following = {node: dict.fromkeys(np.flatnonzero(edges[node]).tolist(), 1.0) for node in nodes}
        labels = {node: int(code[node]) for node in nodes}
        graphs.append(grakel.Graph(following, node_labels=labels, graph_format="dictionary"))
    theirs = grakel.WeisfeilerLehman(
        n_iter=depth, base_graph_kernel=grakel.VertexHistogram, normalize=normalised
    ).fit_transform(graphs)
    assert np.allclose(WeisfeilerLehman(space).matrix(codes, codes, depth, normalised), theirs, rtol=1e-12)


def test_the_kernel_of_two_cells_by_hand() -> None:
    # 0 -> 3 by one convolution of three, against two of them side by side: input, conv, output.
    space = get_space("nb201")
    one = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
    two = "|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_3x3~0|skip_connect~1|none~2|"
    codes = space.codes([space.parse(one), space.parse(two)])
    kernel = WeisfeilerLehman(space)
    # Depth 0: (input, conv, output) = (1, 1, 1) and (1, 2, 1).
    assert kernel.matrix(codes, codes, 0, normalised=False).tolist() == [[3, 4], [4, 6]]
    # Depth 1 adds: output, conv -> output (1 and 2), and input -> conv or input -> conv, conv, which differ.
    assert kernel.matrix(codes, codes, 1, normalised=False).tolist() == [[6, 7], [7, 12]]
    assert kernel.matrix(codes, codes, 1)[0, 1] == pytest.approx(7 / np.sqrt(72))


@each_space
def test_the_kernel_is_symmetric_positive_and_the_same_in_parts(name: str) -> None:
    space = get_space(name)
    codes, kernel = codes_of(space), WeisfeilerLehman(space)
    matrix = kernel.matrix(codes, codes, 2)
    assert np.array_equal(matrix, matrix.T)
    assert np.allclose(np.diag(matrix), 1)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
    assert np.array_equal(kernel.matrix(codes[:3], codes, 2), matrix[:3])
    assert np.array_equal(WeisfeilerLehman(space).matrix(codes, codes[:3], 2), matrix[:, :3])


def test_what_computes_the_same_has_the_same_live_graph() -> None:
    # An operation behind nothing is dead, and a skipped edge is none.
    space = get_space("nb201")
    alive = "|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|"
    dead = "|none~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|none~0|avg_pool_3x3~1|skip_connect~2|"
    codes = space.codes([space.parse(alive), space.parse(dead)])
    live, edges = live_graphs(space, codes)
    assert np.flatnonzero(live[0]).tolist() == [0, 2, 7]
    assert np.array_equal(live[0], live[1])
    assert np.argwhere(edges[0]).tolist() == np.argwhere(edges[1]).tolist() == [[0, 2], [2, 7]]
    assert WeisfeilerLehman(space).matrix(codes[:1], codes[1:], 2)[0, 0] == pytest.approx(1)


def test_a_cell_that_computes_nothing_still_has_its_ends() -> None:
    space = get_space("nb201")
    codes = space.codes([space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")])
    live, edges = live_graphs(space, codes)
    assert np.flatnonzero(live[0]).tolist() == [0, 7]
    assert not edges.any()


def test_skipped_slots_of_a_chain_are_bridged() -> None:
    space = get_space("mbv3")
    codes = codes_of(space)
    live, edges = live_graphs(space, codes)
    assert np.array_equal(live, codes != space.identity_op)
    assert (edges.sum(axis=(1, 2)) == live.sum(axis=1) - 1).all()
