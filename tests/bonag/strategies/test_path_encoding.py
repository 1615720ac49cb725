"""The path encoding of BANANAS."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.strategies.path_encoding import PathEncoding
from search_spaces import get_space


def test_a_cell_has_at_most_three_of_thirty_short_paths() -> None:
    space = get_space("nb201")
    encoding = PathEncoding(space)
    encoded = encoding(space.codes(space.all()))
    # 5 paths of one operation and 25 of two; the 125 of three are cut off, as by the authors.
    assert encoded.shape == (space.size, 30)
    # The edge 0 -> 3, and what leads through node 1 and through node 2, which may be the same.
    assert (encoded[:, :5].sum(axis=1) == 1).all()
    assert set(encoded[:, 5:].sum(axis=1).tolist()) == {1.0, 2.0}


def test_paths_by_hand() -> None:
    space = get_space("nb201")
    cell = space.parse("|none~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|")
    letters = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    expected = [letters.index("skip_connect")]
    for first, second in (("none", "nor_conv_3x3"), ("nor_conv_1x1", "none")):
        expected.append(5 + 5 * letters.index(first) + letters.index(second))
    assert np.flatnonzero(PathEncoding(space)(space.codes([cell]))[0]).tolist() == sorted(expected)


@pytest.mark.parametrize(("name", "width"), [("mbv3", 20 * 10), ("nb101", 5 * 4 + 21)])
def test_other_spaces_are_encoded_by_their_sites(name: str, width: int) -> None:
    space = get_space(name)
    encoding = PathEncoding(space)
    codes = space.codes(space.sample(200, np.random.default_rng(0)))
    assert encoding(codes).shape == (200, width)
    assert len(np.unique(encoding(codes), axis=0)) == len(np.unique(codes, axis=0))
