"""Spaces that are declared as choices at sites."""

from __future__ import annotations

import pickle
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from search_spaces import Choices, InvalidArchitectureError, ProductSpace, Site, UserError
from search_spaces.checking import complaints


class Letters(ProductSpace):
    sites = tuple(Site(f"slot_{slot}", tuple("abc")) for slot in range(3))
    separator = ""


class Stages(ProductSpace):
    """One to three layers, of which the wide ones have a gate."""

    sites = (
        Site("stem", ("stem",)),
        Site("depth", (1, 2, 3)),
        Site("layer1", ("narrow", "wide")),
        Site("layer2", ("narrow", "wide"), active_if=("depth", (2, 3))),
        Site("gate2", ("relu", "swish", "none"), active_if=("layer2", ("wide",))),
        Site("layer3", ("narrow", "wide"), active_if=("depth", (3,))),
    )


class Skips(ProductSpace):
    """The second block can only run after the first."""

    sites = (
        Site("one", ((3, 4), (5, 6), "skip")),
        Site("two", ((3, 4), (5, 6), "skip"), active_if=("one", ((3, 4), (5, 6)))),
        Site("width", ((16, 0), (32, 0))),
    )
    edges = (("one", "width"), ("two", "width"))


SPACES = {space.name: space for space in (Letters(), Stages(), Skips())}
spaces = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


@spaces
def test_a_declared_space_keeps_the_whole_contract(space):
    assert complaints(space) == []


def test_a_space_is_called_after_its_class_unless_it_says_otherwise():
    assert (Letters.name, Letters().name) == ("letters", "letters")

    class Other(Letters):
        name = "other"

    assert Other().name == "other"


def test_architectures_are_the_distinct_choices_of_active_sites():
    def gated(layer):
        return [(layer, gate) for gate in ("relu", "swish", "none")] if layer == "wide" else [(layer, None)]

    one = [(1, first, None, None, None) for first in ("narrow", "wide")]
    deeper = [
        (depth, first, *second, third)
        for depth, thirds in ((2, (None,)), (3, ("narrow", "wide")))
        for first, layer in product(("narrow", "wide"), repeat=2)
        for second in gated(layer)
        for third in thirds
    ]
    found = [architecture.values for architecture in Stages().all()]
    assert sorted(found, key=str) == sorted([*one, *deeper], key=str)
    assert len(found) == Stages().size == 26
    assert Skips().size == (2 * 3 + 1) * 2


def test_an_architecture_tells_its_choices():
    architecture = Stages().parse("2|wide|narrow|-|-")
    assert isinstance(architecture, Choices)
    assert architecture["depth"] == 2
    assert architecture["gate2"] is None
    assert dict(architecture) == {"depth": 2, "layer1": "wide", "layer2": "narrow", "gate2": None, "layer3": None}
    with pytest.raises(KeyError, match="did you mean 'gate2'"):
        architecture["gate3"]
    assert repr(architecture) == "Choices('2|wide|narrow|-|-')"
    assert {architecture: 1}[pickle.loads(pickle.dumps(architecture))] == 1  # noqa: S301
    assert Skips().parse("3x4|skip|16x0")["one"] == (3, 4)


@spaces
def test_draws_are_uniform_over_distinct_architectures(space):
    counts = Counter(space.sample(200 * space.size, np.random.default_rng(0)))
    assert set(counts) == set(space.all())
    assert chisquare(list(counts.values())).pvalue > 1e-3


@given(st.sampled_from(list(SPACES.values())), st.integers(0, 2**32 - 1), st.sampled_from([2, 1000]))
def test_projection_finds_the_largest_sum(space, seed, levels):
    scores = np.random.default_rng(seed).integers(levels, size=(3, space.num_sites, len(space.op_names))).astype(float)
    codes, rows = space.codes(space.all()), np.arange(space.num_sites)
    for row, found in zip(scores, space.project(scores), strict=True):
        assert row[rows, space.codes([found])[0]].sum() == row[rows, codes].sum(axis=1).max()


def test_infinite_scores_are_projected():
    space = Stages()
    scores = np.full((1, space.num_sites, len(space.op_names)), -np.inf)
    scores[0, 1, space.op_names.index("2")] = np.inf
    assert space.project(scores)[0]["depth"] == 2


def test_neighbours_differ_in_one_site_that_both_have():
    space = Stages()
    for architecture in space.all():
        expected = [
            other
            for other in space.all()
            if sum(a != b for a, b in zip(architecture.values, other.values, strict=True) if None not in (a, b)) == 1
            and abs(architecture["depth"] - other["depth"]) <= 1
            # What is active in one alone must be so because of the one site that differs.
            and all(
                (a is None) == (b is None)
                for name, a, b in zip(architecture.names, architecture.values, other.values, strict=True)
                if architecture["depth"] == other["depth"] and name != "gate2"
            )
        ]
        assert sorted(map(str, space.neighbours(architecture))) == sorted(map(str, expected))


def test_an_inactive_site_passes_its_input_on():
    stages, skips = Stages(), Skips()
    assert stages.op_names == ("stem", "1", "2", "3", "narrow", "wide", "relu", "swish", "none", "inactive")
    assert stages.op_names[stages.identity_op] == "inactive"
    assert skips.op_names == ("3x4", "5x6", "skip", "16x0", "32x0")
    assert skips.op_names[skips.identity_op] == "skip"
    assert skips.codes([skips.parse("skip|-|16x0")]).tolist() == [[2, 2, 3]]


def test_the_table_follows_from_the_sites():
    stages, skips, letters = Stages(), Skips(), Letters()
    assert stages.fixed_ops.tolist() == [0, -1, -1, -1, -1, -1]
    assert stages.adjacency.tolist() == np.eye(6, k=1, dtype=bool).tolist()
    assert np.argwhere(skips.adjacency).tolist() == [[0, 2], [1, 2]]
    assert [space.independent_sites for space in (stages, skips, letters)] == [False, False, True]
    assert skips.allowed.tolist() == [[True] * 3 + [False] * 2] * 2 + [[False] * 3 + [True] * 2]
    assert skips.op_attributes.tolist() == [[3, 4], [5, 6], [0, 0], [16, 0], [32, 0]]
    assert letters.op_attributes is None
    depth, layer = stages.parameters()[:2]
    assert (depth.name, depth.values, depth.is_ordered) == ("depth", (1, 2, 3), True)
    assert (layer.name, layer.values, layer.is_ordered) == ("layer1", ("narrow", "wide"), False)


def test_inactive_parameters_are_pinned_and_ignored():
    space = Stages()
    shallow = space.parse("1|wide|-|-|-")
    values = space.to_parameters(shallow)
    assert values == {"depth": 1, "layer1": "wide", "layer2": "narrow", "gate2": "relu", "layer3": "narrow"}
    assert space.from_parameters({**values, "layer2": "wide", "gate2": "anything"}) == shallow
    assert space.from_parameters({"depth": 1, "layer1": "wide"}) == shallow


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2|wide", r"has 2 choice\(s\), it needs 5, as in 1\|narrow\|-\|-\|-"),
        ("2|wide|narow|-|-", "site 'layer2' cannot be 'narow': did you mean 'narrow'"),
        ("1|wide|narrow|-|-", r"inactive sites: it must be written 1\|wide\|-\|-\|-"),
        ("2|wide|-|-|-", "site 'layer2' cannot be '-'"),
    ],
)
def test_bad_strings_are_refused_with_place_and_remedy(text, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        Stages().parse(text)


def test_graphs_that_contradict_themselves_are_refused():
    space = Stages()
    code = space.codes([space.parse("1|wide|-|-|-")])[0]
    code[3] = space.op_names.index("wide")
    with pytest.raises(InvalidArchitectureError, match=r"site 'layer2' is inactive .*: it cannot be 'wide'"):
        space.decode(space.graph(code))
    code[1] = space.op_names.index("3")
    with pytest.raises(InvalidArchitectureError, match="site 'gate2' is active: it cannot be 'inactive'"):
        space.decode(space.graph(code))


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ([Site("a", ("x", "y")), Site("a", ("x",))], "site 'a': there are two sites of that name"),
        ([Site("a", ())], "site 'a': it needs choices"),
        ([Site("a", ("x", "x"))], "site 'a': it needs choices, each once"),
        ([Site("a", ("x|y",))], "site 'a': no choice may .* have the separator '|' in it"),
        ([Site("a", ("x", "y"), active_if=("b", ("x",)))], "depends on 'b', which is no earlier site"),
        ([Site("a", ("x", "y")), Site("b", ("x",), active_if=("a", ("z",)))], "'a' has no choice 'z'"),
    ],
)
def test_sites_that_contradict_each_other_are_refused(sites, message):
    class Wrong(ProductSpace):
        def __init__(self):
            self.declare(sites)

    with pytest.raises(UserError, match=message):
        Wrong()


@pytest.mark.slow
def test_a_large_space_is_not_listed():
    class Long(ProductSpace):
        sites = tuple(Site(f"s{i}", tuple(range(9))) for i in range(30))

    space = Long()
    assert space.size == 9**30
    assert space.all() is None
    assert complaints(space) == []


def test_a_site_without_choice_can_be_inactive():
    class Tail(ProductSpace):
        sites = (Site("head", ("on", "off")), Site("tail", ("tail",), active_if=("head", ("on",))))

    space = Tail()
    assert space.size == 2
    assert space.fixed_ops.tolist() == [-1, -1]
    assert complaints(space) == []
