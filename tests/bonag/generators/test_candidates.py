"""Candidates in place of a generator's: distinct, valid, ranked, as many as were asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bonag.generators.candidates import (
    CANDIDATES,
    AllCandidates,
    EvolutionCandidates,
    MutationCandidates,
    RandomCandidates,
)
from loops.protocols import Generator
from loops.strategies.mutation import Mutation
from search_spaces import SearchSpace, get_space
from search_spaces.errors import UserError

MAKERS: dict[str, Callable[[SearchSpace], Generator]] = {
    "random": lambda space: RandomCandidates(space, 200),
    "mutation": lambda space: MutationCandidates(space, count=200),
    "half": lambda space: MutationCandidates(space, random=0.5, count=200),
    "evolution": lambda space: EvolutionCandidates(space, generations=5, count=200),
}
each_kind = pytest.mark.parametrize("kind", MAKERS)
each_space = pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", "darts", "nbgraph"])


def weights_of(space: SearchSpace) -> Callable[[np.ndarray], np.ndarray]:
    """A score that is a sum over sites."""
    table = np.random.default_rng(5).normal(size=(space.num_sites, int(space.site_classes.max())))
    return lambda codes: table[np.arange(space.num_sites), codes].sum(axis=1)


def starts_of(space: SearchSpace, count: int = 12) -> np.ndarray:
    return space.codes(space.sample(count, np.random.default_rng(1)))


@each_kind
@each_space
def test_candidates_are_distinct_valid_and_ranked(name: str, kind: str) -> None:
    space, score = get_space(name), weights_of(get_space(name))
    codes, scores = MAKERS[kind](space).guided_sample(score, np.random.default_rng(0), starts_of(space))
    assert len(np.unique(codes, axis=0)) == len(codes) == len(scores)
    # Evolution may find a child again, or its own parent.
    assert len(codes) == 200 if kind != "evolution" else 120 <= len(codes) <= 200
    assert np.allclose(score(codes), scores)
    assert (np.diff(scores) <= 0).all()
    architectures = [space.decode(space.graph(code)) for code in codes]
    assert len(set(architectures)) == len(codes)
    assert np.array_equal(space.codes(architectures), codes)


@each_kind
def test_unguided_they_are_uniform_samples(kind: str) -> None:
    space = get_space("nb201")
    drawn = MAKERS[kind](space).sample(20, np.random.default_rng(3))
    assert drawn == space.sample(20, np.random.default_rng(3))


@each_kind
def test_candidates_are_a_pure_function_of_the_random_numbers(kind: str) -> None:
    space = get_space("mbv3")
    used = MAKERS[kind](space)
    used.guided_sample(weights_of(space), np.random.default_rng(7), starts_of(space, 5))
    first = used.guided_sample(weights_of(space), np.random.default_rng(0), starts_of(space))
    again = MAKERS[kind](space).guided_sample(weights_of(space), np.random.default_rng(0), starts_of(space))
    assert np.array_equal(first[0], again[0])
    other = used.guided_sample(weights_of(space), np.random.default_rng(1), starts_of(space))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("kind", ["mutation", "half", "evolution"])
def test_without_starts_all_begins_at_random(kind: str) -> None:
    space = get_space("mbv3")
    none = np.empty((0, space.num_sites), dtype=np.int64)
    codes, _ = MAKERS[kind](space).guided_sample(weights_of(space), np.random.default_rng(0), none)
    assert len(codes) > 100


def test_as_many_as_the_particles_of_guided_generation() -> None:
    from bonag.generators.particles import ParticleSearch

    assert ParticleSearch().particles * ParticleSearch().steps == CANDIDATES
    for candidates in (RandomCandidates, MutationCandidates, EvolutionCandidates):
        assert candidates(get_space("nb201")).count == CANDIDATES


def test_mutations_stay_close_and_half_of_them_change_one_gene() -> None:
    space = get_space("nb201")
    start = starts_of(space, 1)
    codes, _ = MutationCandidates(space, count=24).guided_sample(weights_of(space), np.random.default_rng(0), start)
    distances = (codes != start).sum(axis=1)
    # Of 24 distinct mutants the first are single changes, of which there are only 24.
    assert set(distances.tolist()) <= {0, 1, 2, 3, 4, 5, 6}
    assert (distances == 1).sum() >= 8


def test_half_random_half_mutations() -> None:
    space = get_space("mbv3")
    start = starts_of(space, 1)
    codes, _ = MAKERS["half"](space).guided_sample(weights_of(space), np.random.default_rng(0), start)
    close = (codes != start).sum(axis=1) <= 8
    assert 90 <= close.sum() <= 110


def test_evolution_climbs_higher_than_mutations_and_those_higher_than_chance() -> None:
    space = get_space("mbv3")
    many, score = starts_of(space, 400), weights_of(space)
    starts = many[np.argsort(-score(many))[:12]]
    best = {
        kind: np.mean(
            [make(space).guided_sample(score, np.random.default_rng(seed), starts)[1][0] for seed in range(5)]
        )
        for kind, make in MAKERS.items()
    }
    assert best["evolution"] > best["mutation"] > best["random"]


def test_all_candidates_are_all() -> None:
    space = get_space("nb201")
    score = weights_of(space)
    codes, scores = AllCandidates(space).guided_sample(score, np.random.default_rng(0), starts_of(space))
    assert len(codes) == space.size
    assert scores[0] == score(codes).max()
    with pytest.raises(UserError, match="'mbv3' has too many architectures to list"):
        AllCandidates(get_space("mbv3"))


def test_equals_among_all_candidates_come_in_random_order() -> None:
    candidates = AllCandidates(get_space("nb201"))
    firsts = {
        tuple(candidates.guided_sample(lambda codes: np.zeros(len(codes)), np.random.default_rng(s), codes)[0][0])
        for s, codes in enumerate([starts_of(get_space("nb201"))] * 5)
    }
    assert len(firsts) == 5


@each_space
def test_one_change_is_a_neighbour(name: str) -> None:
    space, rng = get_space(name), np.random.default_rng(0)
    parents = space.sample(20, rng)
    mutants = Mutation(space).many(parents, np.ones(20, dtype=int), rng)
    assert all(mutant in space.neighbours(parent) for parent, mutant in zip(parents, mutants, strict=True))


def test_rates_change_one_gene_at_least_and_little_more_on_average() -> None:
    rates = Mutation(get_space("nb201")).rates(4000, np.random.default_rng(0))
    assert rates.min() == 1
    # Six edges at a rate of a quarter, of which 0.178 are none: 1.5 + 0.178.
    assert rates.mean() == pytest.approx(1.678, abs=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda space: MutationCandidates(space, random=1.5), "random"),
        (lambda space: EvolutionCandidates(space, generations=0), "generations"),
    ],
)
def test_senseless_settings_are_refused(make: Callable[[SearchSpace], Generator], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(get_space("nb201"))
