"""Drawings of architectures."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np
import pytest

from search_spaces import ArchGraph, Architecture, SearchSpace, get_space
from search_spaces.drawing.layering import lay_out, layers_of
from search_spaces.drawing.looks import look
from search_spaces.nb201.cell import NB201Architecture
from search_spaces.nb201.drawing import live_edges

SVG = "{http://www.w3.org/2000/svg}"
SPACES = ("nb201", "nb101", "mbv3", "darts", "nbgraph")


class Word(Architecture):
    def __str__(self) -> str:
        return "<b>word</b>"


class Stranger(SearchSpace):
    """A space that somebody else brought, with names that are markup."""

    name = "<script>alert(1)</script>"
    op_names = ("input", "<img src=x onerror=alert(1)>", 'a"b&c', "absent", "out\x00put")
    num_nodes = 5

    def encode(self, architecture: Architecture) -> ArchGraph:
        edges = np.zeros((5, 5), dtype=bool)
        edges[0, 1] = edges[1, 2] = edges[2, 4] = edges[0, 4] = True
        return ArchGraph(np.array([0, 1, 2, 3, 4]), edges)

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        return [Word()] * n

    def parse(self, text: str) -> Architecture:
        return Word()

    def decode(self, graph: ArchGraph) -> Architecture:
        return Word()

    def project(self, scores: np.ndarray) -> list[Architecture]:
        return [Word()] * len(scores)


def samples(name: str, n: int = 20) -> tuple[SearchSpace, list[Architecture]]:
    space = get_space(name)
    return space, space.sample(n, np.random.default_rng(0))


def words(markup: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(markup).iter(f"{SVG}text")]


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("name", SPACES)
def test_a_drawing_is_one_accessible_image_the_same_every_time(name: str, small: bool) -> None:
    space, architectures = samples(name)
    for architecture in architectures:
        markup = space.draw(architecture, small)
        assert markup == space.draw(architecture, small)
        root = ET.fromstring(markup)
        assert root.tag == f"{SVG}svg"
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"]
        assert root[0].tag == f"{SVG}title"
        assert root[0].text
        assert root[1].tag == f"{SVG}desc"
        assert root[1].text
        assert "id=" not in markup, "two drawings on one page must not share an id"


@pytest.mark.parametrize("name", SPACES)
def test_equal_words_mean_equal_architectures(name: str) -> None:
    space, architectures = samples(name, 60)
    told = {}
    for architecture in architectures:
        desc = ET.fromstring(space.draw(architecture)).find(f"{SVG}desc")
        assert desc is not None
        told[desc.text] = architecture
    assert len(told) == len(set(architectures))


@pytest.mark.parametrize("name", SPACES)
def test_everything_stays_within_the_picture_and_on_a_telephone(name: str) -> None:
    space, architectures = samples(name)
    for architecture in architectures:
        root = ET.fromstring(space.draw(architecture))
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        assert width <= 420
        for rect in root.iter(f"{SVG}rect"):
            x, w = float(rect.attrib["x"]), float(rect.attrib["width"])
            assert x >= -0.01
            assert x + w <= width + 0.01
            assert float(rect.attrib["height"]) < height


def test_nothing_that_a_space_brings_is_markup() -> None:
    space = Stranger()
    for small in (False, True):
        markup = space.draw(Word(), small)
        root = ET.fromstring(markup)
        assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
            "svg", "title", "desc", "g", "rect", "text", "path", "polygon", "circle", "polyline"
        }  # fmt: skip
        assert "<script" not in markup
        assert "<img" not in markup
        assert "\x00" not in markup
    assert 'a"b&c' in words(space.draw(Word()))


def test_absent_nodes_are_left_out() -> None:
    assert "absent" not in Stranger().draw(Word())
    space = get_space("nb101")
    shown = words(space.draw(space.parse("conv3x3-bn-relu~0|output~1")))
    assert shown.count("input") == 1
    assert "absent" not in shown
    assert shown.count("3×3") == 1


def test_mbv3_shows_every_block_with_its_kernel_and_expand_ratio() -> None:
    space = get_space("mbv3")
    text = "k3e6-k5e4|k7e3-k3e3-k5e6|k3e3-k3e3|k5e4-k5e4-k7e6-k7e6|k7e6-k7e6"
    markup = space.draw(space.parse(text))
    blocks = re.findall(r"kernel (\d)×\1, expand ratio (\d)<", markup.replace("</title>", "<"))
    shown = [f"k{kernel}e{expand}" for kernel, expand in blocks][: text.count("k")]
    assert shown == re.findall(r"k\de\d", text)
    assert "112² → 56²" in markup
    assert "1000 classes" in markup


@pytest.mark.parametrize(
    ("text", "alive"),
    [
        ("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|", [1, 0, 0, 0, 1, 0]),
        ("|none~0|+|nor_conv_3x3~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|", [0, 0, 0, 1, 0, 0]),
        ("|none~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|nor_conv_3x3~2|", [0] * 6),
        ("|skip_connect~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|", [1, 0, 1, 0, 0, 1]),
    ],
)
def test_an_edge_is_dead_where_no_signal_passes(text: str, alive: list[int]) -> None:
    space = get_space("nb201")
    cell = space.parse(text)
    assert isinstance(cell, NB201Architecture)
    assert live_edges(cell) == [bool(edge) for edge in alive]
    dead = sum(name != "none" for name in cell.op_names) - sum(alive)
    assert space.draw(cell).count("no signal passes</title>") == dead


def test_the_same_operation_has_the_same_colour_in_every_space() -> None:
    assert look("avg_pool_3x3") == look("AvgPool3x3")
    assert look("maxpool3x3") == look("max_pool_3x3")
    for name in SPACES:
        shown = [look(op) for op in get_space(name).op_names]
        assert len({(one.label, one.colour) for one in shown}) == len(shown), "two operations of a space look alike"
    space, (architecture,) = samples("darts", 1)
    for name, _ in architecture.named_cells[0]:  # type: ignore[attr-defined]
        assert str(look(name).colour) in space.draw(architecture)


def test_boxes_of_a_layered_drawing_neither_overlap_nor_run_upwards() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        count = int(rng.integers(1, 15))
        edges = [(i, j) for i in range(count) for j in range(i + 1, count) if rng.random() < 0.3]
        widths: Sequence[float] = rng.uniform(20, 90, count).tolist()
        layout = lay_out(widths, 30.0, edges)
        layer = layers_of(count, edges)
        for (i, j), route in zip(edges, layout.routes, strict=True):
            assert layer[i] < layer[j]
            assert all(a[1] < b[1] for a, b in itertools.pairwise(route))
        for i in range(count):
            for j in range(i):
                if layer[i] == layer[j]:
                    away = abs(layout.centres[i][0] - layout.centres[j][0])
                    assert away >= (widths[i] + widths[j]) / 2 + 9.9
