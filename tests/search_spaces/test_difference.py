"""Two drawings beside each other: what differs is marked, and nothing else."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from search_spaces import get_space
from search_spaces.drawing.difference import mark_differences

SPACES = ("nb201", "nb101", "darts", "mbv3", "nlp")


def marked(drawing: str) -> list[str]:
    """What the marked parts tell."""
    return re.findall(r"<g[^>]* data-differs><title>(.*?)</title>", drawing)


@pytest.mark.parametrize("name", SPACES)
def test_only_what_differs_is_marked_and_drawings_stay_whole(name: str) -> None:
    space = get_space(name)
    one, other = space.sample(2, np.random.default_rng(3))
    drawings = space.draw(one), space.draw(other)
    assert mark_differences(drawings[0], drawings[0]) == (drawings[0], drawings[0])
    both = mark_differences(*drawings)
    assert marked(both[0])
    for before, after in zip(drawings, both, strict=True):
        ElementTree.fromstring(after.replace(" data-differs", ' data-differs=""'))
        assert after.replace(" data-differs", "") == before


def test_one_edge_of_a_cell_is_marked_in_both() -> None:
    space = get_space("nb201")
    ops = ("nor_conv_1x1", "nor_conv_3x3")
    cells = [f"|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|{op}~2|" for op in ops]
    both = mark_differences(*(space.draw(space.parse(cell)) for cell in cells))
    assert [marked(one) for one in both] == [["2 → out: nor_conv_1x1"], ["2 → out: nor_conv_3x3"]]


def test_a_stage_that_is_longer_hides_no_later_one() -> None:
    space = get_space("mbv3")
    rest = "|".join(["k3e3-k3e3"] * 4)
    both = mark_differences(*(space.draw(space.parse(f"{first}|{rest}")) for first in ("k3e3-k5e4", "k3e3-k5e4-k7e6")))
    assert marked(both[0]) == ["stage 1: depth 2"]
    assert marked(both[1]) == ["stage 1: depth 3", "kernel 7×7, expand ratio 6"]
