"""The first architectures fill the space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import chisquare

from loops.initial import crowded_design, first_design, front_design, most_expensive, space_filling
from search_spaces import Architecture, ProductSpace, SearchSpace, Site, get_space


def distances(space: SearchSpace, some: list[Architecture], others: list[Architecture]) -> np.ndarray:
    """The number of nodes whose operations differ: (len(some), len(others))."""
    return (space.codes(some)[:, None] != space.codes(others)[None]).sum(axis=-1)


def least_distance(space: SearchSpace, architectures: list[Architecture]) -> int:
    return int(distances(space, architectures, architectures)[np.triu_indices(len(architectures), k=1)].min())


@pytest.mark.parametrize("name", ["nb201", "mbv3"])
@pytest.mark.parametrize("n", [1, 2, 10, 25])
def test_picks_are_as_many_as_asked_distinct_and_new(name: str, n: int) -> None:
    space = get_space(name)
    chosen = space.sample(5, np.random.default_rng(1))
    picks = space_filling(space, chosen, n, np.random.default_rng(0))
    assert len(picks) == len({*picks} - {*chosen}) == n


def test_the_generator_of_random_numbers_decides_everything() -> None:
    space = get_space("mbv3")
    first, again, other = (space_filling(space, [], 10, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", ["nb201", "mbv3"])
def test_picks_are_farther_apart_than_random_ones(name: str) -> None:
    space = get_space(name)
    picked, random = [], []
    for seed in range(60):
        picked.append(least_distance(space, space_filling(space, [], 10, np.random.default_rng(seed))))
        random.append(least_distance(space, space.sample(10, np.random.default_rng(1000 + seed))))
    assert np.mean(picked) > np.mean(random) + 0.7


def test_picks_keep_away_from_what_is_there() -> None:
    # All that is there has the same operation on the first three edges.
    space = get_space("nb201")
    rng = np.random.default_rng(0)
    conv = "nor_conv_3x3"
    there = list(
        {space.parse(f"|{conv}~0|+|{conv}~0|{conv}~1|+{str(cell).split('+')[2]}") for cell in space.sample(20, rng)}
    )
    picked = [distances(space, space_filling(space, there, 1, rng), there).min() for _ in range(60)]
    random = [distances(space, space.sample(1, rng), there).min() for _ in range(60)]
    assert np.mean(picked) > np.mean(random) + 0.5


def test_the_first_pick_is_uniform(tiny_space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    names = [str(*space_filling(tiny_space, [], 1, rng)) for _ in range(2700)]
    _, counts = np.unique(names, return_counts=True)
    assert len(counts) == 27
    assert chisquare(counts).pvalue > 1e-3


def test_a_small_space_is_emptied_and_then_there_is_no_more(tiny_space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    chosen = [tiny_space.parse(text) for text in ("aaa", "abc", "ccc")]
    rest = space_filling(tiny_space, chosen, 100, rng)
    assert len(rest) == len({*rest, *chosen}) - 3 == 24
    assert space_filling(tiny_space, [*chosen, *rest], 5, rng) == []


def test_asking_for_none_gives_none_and_draws_nothing(tiny_space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    assert space_filling(tiny_space, [], 0, rng) == []
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_the_most_expensive_cell_is_found_exactly() -> None:
    space = get_space("nb201")
    most = max(space.costs(cell).macs for cell in space.all())
    assert space.costs(most_expensive(space)).macs == most


@pytest.mark.parametrize("name", ["nb101", "mbv3", "darts", "nbgraph"])
def test_hardly_any_architecture_is_more_expensive(name: str) -> None:
    space = get_space(name)
    found = space.costs(most_expensive(space)).macs
    random = [space.costs(architecture).macs for architecture in space.sample(2000, np.random.default_rng(1))]
    assert found >= max(random)
    # Nor does any single step lead to one.
    assert found >= max(space.costs(other).macs for other in space.neighbours(most_expensive(space)))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_design_begins_with_the_most_expensive_and_fills_the_space(n: int) -> None:
    space = get_space("mbv3")
    first, *rest = first_design(space, [], n, np.random.default_rng(3))
    assert first == most_expensive(space)
    assert rest == space_filling(space, [first], n - 1, np.random.default_rng(3))


def test_a_design_that_has_begun_goes_on_by_filling_the_space() -> None:
    space = get_space("nb201")
    chosen = space.sample(3, np.random.default_rng(1))
    assert first_design(space, chosen, 4, np.random.default_rng(0)) == space_filling(
        space, chosen, 4, np.random.default_rng(0)
    )


@pytest.mark.parametrize("there", range(4))
@pytest.mark.parametrize("n", range(5))
def test_the_design_for_a_front_has_the_most_expensive_second_however_it_is_asked_for(there: int, n: int) -> None:
    space = get_space("mbv3")
    whole = front_design(space, [], there, np.random.default_rng(1))
    whole += front_design(space, whole, n, np.random.default_rng(2))
    assert len(set(whole)) == len(whole) == there + n
    assert [architecture == most_expensive(space) for architecture in whole] == [
        place == 1 for place in range(there + n)
    ]


def test_the_design_for_a_front_has_nothing_twice() -> None:
    space = get_space("nb201")
    picks = front_design(space, [most_expensive(space)], 4, np.random.default_rng(0))
    assert len({*picks, most_expensive(space)}) == 5


@pytest.mark.parametrize("name", ["nb201", "mbv3"])
def test_a_crowded_design_is_half_near_the_most_expensive_and_half_anywhere(name: str) -> None:
    space = get_space(name)
    chosen = first_design(space, [], 5, np.random.default_rng(0))
    # One at a time, as workers ask for them.
    design = list(chosen)
    for index in range(20):
        design += crowded_design(space, design, 1, np.random.default_rng(index))
    near = set(space.neighbours(most_expensive(space)))
    assert len(set(design)) == 25
    assert [architecture in near for architecture in design[5:]].count(True) == 10
    assert all(architecture in near for architecture in design[5::2])


def test_a_crowded_design_takes_a_second_step_when_there_is_no_neighbour_left() -> None:
    space = get_space("nb201")
    neighbours = set(space.neighbours(most_expensive(space)))
    further = {other for one in neighbours for other in space.neighbours(one)}
    chosen = [most_expensive(space), *neighbours]
    assert len(chosen) == 25
    (next_one,) = crowded_design(space, chosen, 1, np.random.default_rng(0))
    assert next_one in further - {*chosen}


def test_a_crowded_design_empties_a_small_space(tiny_space: SearchSpace) -> None:
    chosen = [tiny_space.parse("abc")]
    rest = crowded_design(tiny_space, chosen, 100, np.random.default_rng(0))
    assert len({*rest, *chosen}) == len(rest) + 1 == 27


@pytest.mark.parametrize("design", [first_design, front_design, crowded_design])
def test_a_space_without_networks_is_filled_alone(design: Callable[..., list[Architecture]]) -> None:
    class Words(ProductSpace):
        sites = tuple(Site(f"slot_{slot}", ("a", "b", "c")) for slot in range(3))

    space = Words()
    assert not space.counts
    found = design(space, [], 5, np.random.default_rng(0))
    assert found == space_filling(space, [], 5, np.random.default_rng(0))
