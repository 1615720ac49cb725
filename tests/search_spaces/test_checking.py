"""What `bonag check-space` finds, and in the spaces of bonag does not find."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from search_spaces import Costs, ProductSpace, Site, get_space
from search_spaces.checking import complaints
from search_spaces.counting import counted_costs


@pytest.fixture
def blocks(monkeypatch, request):
    monkeypatch.syspath_prepend(str(request.path.parent))
    return get_space("blocks:Blocks")


@pytest.mark.slow
def test_a_chain_in_sixty_lines_keeps_the_contract(blocks, request):
    assert complaints(blocks) == []
    assert len((request.path.parent / "blocks.py").read_text().splitlines()) <= 60
    assert blocks.size == 5**6
    assert blocks.independent_sites


def test_costs_are_counted_from_the_network(blocks):
    (architecture,) = blocks.sample(1, np.random.default_rng(0))
    network = blocks.build(architecture, 7)
    costs = blocks.costs(architecture, 7, 16)
    assert costs.params == sum(parameter.numel() for parameter in network.parameters())
    assert costs.macs > costs.params
    for other in blocks.sample(3, np.random.default_rng(1)):
        assert blocks.costs(other).macs == pytest.approx(4 * blocks.costs(other, image_size=16).macs, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nb101", "nb201", "mbv3", "darts", "nbgraph", "nbgraph-proteins"])
def test_own_counts_are_those_of_the_networks(name):
    space = get_space(name)
    for architecture in space.sample(3, np.random.default_rng(5)):
        assert space.costs(architecture, 7, 32) == counted_costs(space, architecture, 7, 32)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nb101", "nb201", "mbv3", "darts", "nbgraph", "nbgraph-proteins"])
def test_spaces_of_bonag_keep_the_contract(name):
    assert complaints(get_space(name)) == []


class Pair(ProductSpace):
    sites = (Site("left", tuple("abc")), Site("right", tuple("abc")))


def test_a_space_without_networks_or_costs_is_one():
    space = Pair()
    assert complaints(space) == []
    assert (space.builds, space.counts) == (False, False)
    with pytest.raises(NotImplementedError, match="the space pair builds no networks"):
        space.costs(space.all()[0])


EVERY = Pair().all()
TEXTS = [str(one) for one in EVERY]


def skewed(self, n, rng):
    return [EVERY[place] for place in (9 * rng.random(n) ** 2).astype(int)]


def careless(self, graph):
    found = [one for one in EVERY if np.array_equal(self.encode(one).ops, graph.ops)]
    return found[0] if found else EVERY[0]


def broken(self):
    raise RuntimeError("two\nlines")


def linear(self, one, num_classes=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, num_classes))


def looped(self):
    self.adjacency = np.eye(2, dtype=bool)


@pytest.mark.parametrize(
    ("line", "methods"),
    [
        ("size: 9, but 8 different", {"sample": lambda self, n, rng: [EVERY[i] for i in rng.integers(8, size=n)]}),
        ("sample: not uniform", {"sample": skewed}),
        ("parse: 'a|a' is read as", {"parse": lambda self, text: EVERY[(TEXTS.index(text) + 1) % 9]}),
        ("parse: it accepts", {"parse": lambda self, text: EVERY[TEXTS.index(text) if text in TEXTS else 0]}),
        ("decode: it accepts operations", {"decode": careless}),
        ("neighbours: 'a|b' is one of", {"neighbours": lambda self, one: [x for x in EVERY if x != one][:5]}),
        ("project: 'a|a' is found where", {"project": lambda self, scores: [EVERY[0]] * len(scores)}),
        ("all: it lists 8 architectures", {"all": lambda self: EVERY[:8]}),
        ("parameters: RuntimeError: two lines", {"parameters": broken}),
        ("costs: ", {"build": linear, "costs": lambda self, one, num_classes=10, image_size=32: Costs(1, 1)}),
        ("build: the network of", {"build": lambda self, one, num_classes=10: linear(self, one, 4)}),
        ("draw: ", {"draw": lambda self, one, small=False: "<p>"}),
        ("adjacency: every edge must run", {"__init__": looped}),
    ],
)
def test_what_is_wrong_is_said_in_one_line(line, methods):
    found = complaints(type("Wrong", (Pair,), {"name": "wrong", **methods})())
    assert any(one.startswith(line) for one in found), found
    assert all("\n" not in one for one in found)
