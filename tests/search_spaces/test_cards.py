"""Spaces and architectures as notebooks show them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from search_spaces import Architecture, ProductSpace, Site, get_space, space_names

SVG = "{http://www.w3.org/2000/svg}svg"


class Chain(ProductSpace):
    """Blocks <in> a row."""

    name = "<chain>"
    sites = (Site("<first>", ("<a>", "b")), Site("second", ("b", "c")))


@pytest.mark.parametrize("name", space_names())
def test_a_space_and_an_architecture_of_it_are_drawn(name: str) -> None:
    space = get_space(name)
    [architecture] = space.sample(1, np.random.default_rng(1))
    for shown in (space, architecture):
        card = ET.fromstring(str(shown._repr_html_()))
        assert len(list(card.iter(SVG))) == 1
    words = "".join(card.itertext())
    assert str(architecture) in words
    assert f"{space.costs(architecture).params:,} params" in words


def test_what_a_space_says_of_itself_is_text() -> None:
    space = Chain()
    [architecture] = space.sample(1, np.random.default_rng(0))
    card = "".join(ET.fromstring(space._repr_html_()).itertext())
    assert "4 architectures" in card
    assert "Blocks <in> a row." in card
    rows = [[cell.text for cell in row] for row in ET.fromstring(str(architecture._repr_html_())).iter("tr")]
    assert rows == [["<first>", "second"], str(architecture).split("|")]


def test_an_architecture_that_no_known_space_draws_is_text() -> None:
    class Word(Architecture):
        def __str__(self) -> str:
            return "word"

    assert Word()._repr_html_() is None
