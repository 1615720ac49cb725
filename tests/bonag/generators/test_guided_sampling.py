"""Guided sampling: the search finds what the guidance likes, by its ranks alone, and scores every graph once; gradients
of an exact potential give the tilted distribution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.particles import ParticleSearch
from search_spaces import ArchGraph, SearchSpace

both_spaces = pytest.mark.parametrize("name", ["nb201", "mbv3"])
Score = Callable[[np.ndarray], np.ndarray]


def random_ops(space: SearchSpace, n: int, seed: int) -> np.ndarray:
    return space.codes(space.sample(n, np.random.default_rng(seed)))


class Recorded:
    """A guidance that remembers what it was asked."""

    def __init__(self, score: Score) -> None:
        self.score = score
        self.asked: list[np.ndarray] = []

    def __call__(self, ops: np.ndarray) -> np.ndarray:
        self.asked.append(ops.copy())
        return self.score(ops)


@both_spaces
def test_all_graphs_are_valid_distinct_and_best_first(
    generators: dict[str, DiscreteGenerator], nearness: Callable[[np.ndarray], Score], name: str
) -> None:
    space = generators[name].space
    score = nearness(random_ops(space, 1, 1)[0])
    ops, scores = generators[name].guided_sample(score, np.random.default_rng(0))
    assert ops.shape == (len(scores), space.num_nodes)
    assert len(np.unique(ops, axis=0)) == len(ops)
    assert all(space.is_valid(ArchGraph(row, space.adjacency)) for row in ops)  # type: ignore[arg-type]
    assert (np.diff(scores) <= 0).all()
    # The scores are the guidance's own.
    assert np.array_equal(scores, score(ops))


@both_spaces
def test_every_graph_is_scored_exactly_once(
    generators: dict[str, DiscreteGenerator], nearness: Callable[[np.ndarray], Score], name: str
) -> None:
    space = generators[name].space
    starts = random_ops(space, 12, 2)
    guidance = Recorded(nearness(starts[0]))
    ops, _ = generators[name].guided_sample(guidance, np.random.default_rng(0), np.concatenate([starts, starts[:3]]))
    asked = np.concatenate(guidance.asked)
    assert len(np.unique(asked, axis=0)) == len(asked)
    assert np.array_equal(np.unique(asked, axis=0), np.unique(ops, axis=0))


@pytest.mark.numeric
def test_it_finds_any_cell(generators: dict[str, DiscreteGenerator], nearness: Callable[[np.ndarray], Score]) -> None:
    space = generators["nb201"].space
    for seed in range(6):
        target = random_ops(space, 1, 100 + seed)[0]
        ops, scores = generators["nb201"].guided_sample(nearness(target), np.random.default_rng(seed))
        assert scores[0] == 0
        assert np.array_equal(ops[0], target)
        assert len(ops) < 0.2 * space.size


@pytest.mark.numeric
def test_it_comes_close_to_any_network(
    generators: dict[str, DiscreteGenerator], nearness: Callable[[np.ndarray], Score]
) -> None:
    space = generators["mbv3"].space
    gains = []
    for seed in range(4):
        score = nearness(random_ops(space, 1, 100 + seed)[0])
        ops, scores = generators["mbv3"].guided_sample(score, np.random.default_rng(seed))
        # The same number of unguided graphs is some 8 slots worse.
        gains.append(scores[0] - score(random_ops(space, len(ops), seed)).max())
        assert scores[0] >= -10
    assert min(gains) >= 3
    assert np.mean(gains) >= 5


def test_the_guidance_is_followed_wherever_it_leads(
    generators: dict[str, DiscreteGenerator], nearness: Callable[[np.ndarray], Score]
) -> None:
    space = generators["mbv3"].space
    score = nearness(random_ops(space, 1, 100)[0])
    random = score(random_ops(space, 500, 1)).mean()
    towards, away = (
        score(generators["mbv3"].guided_sample(lambda ops: sign * score(ops), np.random.default_rng(0))[0]).mean()  # noqa: B023
        for sign in (1, -1)
    )
    assert away < random < towards - 2


@pytest.mark.numeric
def test_what_a_search_begins_from_is_recombined(
    generators: dict[str, DiscreteGenerator], nearness: Callable[[np.ndarray], Score]
) -> None:
    # Each half of the slots is right in one of two starts: a child of both is nearly there.
    space = generators["mbv3"].space
    target, *wrong = random_ops(space, 3, 7)
    slots = np.arange(space.num_sites) < space.num_sites // 2
    starts = space.codes(
        space.nearest(np.stack([np.where(slots, target, wrong[0]), np.where(slots, wrong[1], target)]))
    )
    score, once = nearness(target), ParticleSearch(steps=1, first_level=0.05)
    best = [
        generators["mbv3"].guided_sample(score, np.random.default_rng(seed), begin, once)[1][0]
        for begin in (starts, starts[:1], starts[1:])
        for seed in range(5)
    ]
    together, first, second = np.mean(np.reshape(best, (3, 5)), axis=1)
    assert together > max(first, second) + 1


@both_spaces
@pytest.mark.parametrize("transform", [np.exp, lambda y: 5 * y - 100, lambda y: -np.log1p(-y)])
def test_increasing_transformations_of_the_guidance_change_nothing(
    generators: dict[str, DiscreteGenerator],
    nearness: Callable[[np.ndarray], Score],
    name: str,
    transform: Callable[[np.ndarray], np.ndarray],
) -> None:
    generator = generators[name]
    starts = random_ops(generator.space, 10, 4)
    score = nearness(random_ops(generator.space, 1, 3)[0])
    plain = generator.guided_sample(score, np.random.default_rng(0), starts)
    bent = generator.guided_sample(lambda ops: transform(score(ops)), np.random.default_rng(0), starts)
    assert np.array_equal(plain[0], bent[0])
    assert np.array_equal(transform(plain[1]), bent[1])


@both_spaces
def test_the_same_seed_gives_the_same_samples(
    generators: dict[str, DiscreteGenerator], nearness: Callable[[np.ndarray], Score], name: str
) -> None:
    generator = generators[name]
    score = nearness(random_ops(generator.space, 1, 3)[0])
    first, again, other = (generator.guided_sample(score, np.random.default_rng(seed))[0] for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@both_spaces
def test_starts_compete_and_come_back(
    generators: dict[str, DiscreteGenerator], nearness: Callable[[np.ndarray], Score], name: str
) -> None:
    generator = generators[name]
    target = random_ops(generator.space, 1, 3)[0]
    # The target itself, one of its neighbours, and strangers.
    near = generator.space.neighbours(generator.space.decode(ArchGraph(target, generator.space.adjacency)))[0]  # type: ignore[arg-type]
    starts = np.concatenate([random_ops(generator.space, 5, 4), generator.space.codes([near]), target[None]])
    ops, scores = generator.guided_sample(nearness(target), np.random.default_rng(0), starts)
    assert {row.tobytes() for row in starts} <= {row.tobytes() for row in ops}
    assert scores[0] == 0


def test_good_starts_pull_the_particles_towards_them(
    generators: dict[str, DiscreteGenerator], nearness: Callable[[np.ndarray], Score]
) -> None:
    generator = generators["mbv3"]
    target = random_ops(generator.space, 1, 3)[0]
    short = ParticleSearch(steps=6)
    with_it = generator.guided_sample(nearness(target), np.random.default_rng(0), target[None], short)[1]
    without = generator.guided_sample(nearness(target), np.random.default_rng(0), settings=short)[1]
    assert with_it[1:51].mean() > without[1:51].mean() + 1


@both_spaces
def test_equal_scores_guide_nowhere(generators: dict[str, DiscreteGenerator], name: str) -> None:
    generator = generators[name]
    ops, scores = generator.guided_sample(lambda ops: np.zeros(len(ops)), np.random.default_rng(0))
    assert not scores.any()
    first_nodes = generator.space.fixed_ops.argmin()
    assert len(np.unique(ops[:, first_nodes])) >= 5


def test_infinitely_bad_graphs_are_survived(generators: dict[str, DiscreteGenerator]) -> None:
    ops, scores = generators["nb201"].guided_sample(
        lambda ops: np.where(ops[:, 1] == 2, -np.inf, ops[:, 2].astype(float)), np.random.default_rng(0)
    )
    assert scores[0] == 6
    assert ops[0, 1] != 2


@given(
    st.integers(1, 12),
    st.integers(1, 5),
    st.floats(0.5, 1),
    st.floats(0.01, 0.5),
    st.integers(1, 8),
    st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_any_settings_work(
    particles: int, steps: int, first_level: float, last_level: float, elites: int, seed: int
) -> None:
    from bonag.generators.artifact import load_generator
    from search_spaces import get_space

    generator = load_generator(get_space("nb201"))
    chosen = ParticleSearch(particles, steps, first_level, last_level, elites)
    ops, scores = generator.guided_sample(lambda ops: ops.sum(axis=1), np.random.default_rng(seed), settings=chosen)
    assert 1 <= len(ops) == len(scores) <= particles * steps
    assert (np.diff(scores) <= 0).all()


# First-order guidance

P_VALUE = 1e-3


def expected_reward(generator: DiscreteGenerator, rewards: np.ndarray) -> Callable[..., torch.Tensor]:
    """log E[exp(sum of rewards (S, K) of x) | z_t], which is a sum over sites where they are independent."""
    transition = generator.transition
    sites, classes = transition.marginals.shape
    every = torch.arange(classes)[:, None].expand(-1, sites)

    def potential(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        # Row z, site i, class k: p(x_i = k | z_i = z).
        clean = (transition.log_likelihood(every, float(t[0])) + transition.marginals.log()).softmax(dim=-1)
        table = (clean * torch.from_numpy(rewards).exp()).sum(dim=-1).log().T
        return (x * table.masked_fill(transition.marginals == 0, 0.0)).sum(dim=(1, 2))

    return potential


REWARDS = np.random.default_rng(1).normal(size=(8, 7))


def deviations(codes: np.ndarray, strength: float = 1.0) -> tuple[list[float], float]:
    """p-values of all nodes against exp(strength * reward), and the largest total variation."""
    p_values, variations = [], []
    for node in range(1, 7):
        truth = np.exp(strength * REWARDS[node, 2:])
        truth /= truth.sum()
        counts = np.bincount(codes[:, node], minlength=7)[2:]
        p_values.append(chisquare(counts, len(codes) * truth).pvalue)
        variations.append(np.abs(counts / len(codes) - truth).sum() / 2)
    return p_values, max(variations)


@pytest.mark.slow
def test_an_exact_potential_gives_the_tilted_distribution(perfect_cells: DiscreteGenerator) -> None:
    potential, n = expected_reward(perfect_cells, REWARDS), 2048
    codes = perfect_cells.gradient_sample(n, potential, np.random.default_rng(0), steps=60)
    p_values, _ = deviations(codes)
    assert min(p_values) > P_VALUE
    # Nodes stay independent of each other.
    pairs = np.bincount((codes[:, 1] - 2) * 5 + codes[:, 2] - 2, minlength=25)
    truth = np.outer(np.exp(REWARDS[1, 2:]), np.exp(REWARDS[2, 2:])).ravel()
    assert chisquare(pairs, n * truth / truth.sum()).pvalue > P_VALUE


@pytest.mark.slow
def test_in_few_steps_the_shipped_generator_comes_near_it(generators: dict[str, DiscreteGenerator]) -> None:
    generator = generators["nb201"]
    potential = expected_reward(generator, REWARDS)
    _, variation = deviations(generator.gradient_sample(1024, potential, np.random.default_rng(0)))
    unguided = np.abs(np.exp(REWARDS[1:7, 2:]) / np.exp(REWARDS[1:7, 2:]).sum(axis=1, keepdims=True) - 0.2)
    # 0.02 is sampling noise, the rest is what 20 steps are too coarse for.
    assert variation < 0.1 < 0.3 * unguided.sum(axis=1).max() / 2


def test_strength_multiplies_the_potential(perfect_cells: DiscreteGenerator) -> None:
    potential = expected_reward(perfect_cells, REWARDS)
    samples = [
        perfect_cells.gradient_sample(
            600, lambda x, t, f=factor: f * potential(x, t), np.random.default_rng(0), 2 / factor, steps=10
        )
        for factor in (1, 2, 4)
    ]
    assert np.array_equal(samples[0], samples[1])
    assert np.array_equal(samples[0], samples[2])


def test_first_order_guidance_without_strength_is_no_guidance(perfect_cells: DiscreteGenerator) -> None:
    potential = expected_reward(perfect_cells, REWARDS)
    codes = perfect_cells.gradient_sample(2048, potential, np.random.default_rng(0), strength=0.0, steps=8)
    p_values, _ = deviations(codes, strength=0.0)
    assert min(p_values) > P_VALUE


def test_huge_gradients_take_the_best_class(perfect_cells: DiscreteGenerator) -> None:
    def potential(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return 1e6 * (x * torch.from_numpy(REWARDS).float()).sum(dim=(1, 2))

    codes = perfect_cells.gradient_sample(64, potential, np.random.default_rng(0), steps=6)
    assert (codes[:, 1:7] == REWARDS[1:7, 2:].argmax(axis=1) + 2).all()


@pytest.mark.parametrize("steepness", [1.0, 1e4])
def test_what_a_node_never_has_does_not_count(perfect_cells: DiscreteGenerator, steepness: float) -> None:
    # Free nodes are never input or output, which the potential asks for: nothing remains of the wish.
    codes = perfect_cells.gradient_sample(
        1024, lambda x, t: steepness * x[..., :2].sum(dim=(1, 2)), np.random.default_rng(0), steps=4
    )
    assert (codes[:, [0, 7]] == [0, 1]).all()
    assert min(deviations(codes, strength=0.0)[0]) > P_VALUE
