"""Particles: their samples have the tilted distribution, whatever the reward, and none is scored twice."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bonag.generators.blocks import BLOCK
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.particles import ParticleSearch, Resampling, _effective, _systematic, distinct_scores

Reward = Callable[[np.ndarray], np.ndarray]
NODES = range(1, 7)
# Of a population of 256, in total variation: the self-normalised weights of so many particles are a little off.
BIAS = 0.01
WEIGHTS = np.random.default_rng(1).normal(size=(8, 7))


def linear(codes: np.ndarray) -> np.ndarray:
    """Log-linear: every operation of every node has its own weight."""
    return WEIGHTS[np.arange(8), codes].sum(axis=1)


def pairwise(codes: np.ndarray) -> np.ndarray:
    """Nodes that are alike, or both convolutions, and which by themselves are as they were."""
    alike = 3.0 * (codes[:, 1] == codes[:, 2]) + 3.0 * (codes[:, 3] == codes[:, 6])
    return alike - 2.0 * (codes[:, 4] == 5) * (codes[:, 5] == 5)


def peaked(codes: np.ndarray) -> np.ndarray:
    """One operation everywhere, six times over: the mean cell is far from a random one."""
    return 1.5 * (codes == 5).sum(axis=1)


REWARDS = pytest.mark.parametrize("reward", [linear, pairwise, peaked])


def exact(reward: Reward, cells: np.ndarray) -> np.ndarray:
    """p(x) exp(reward(x)) over all cells, which are equally likely: (15625,)."""
    weights = np.exp(reward(cells) - reward(cells).max())
    return weights / weights.sum()


def frequencies(codes: np.ndarray) -> list[np.ndarray]:
    """How often each node has each operation, and each two nodes each two: (populations, n, 8) -> (populations, K)."""
    nodes = [(7, codes[..., i]) for i in NODES]
    pairs = [(49, 7 * codes[..., i] + codes[..., j]) for i, j in combinations(NODES, 2)]
    return [np.stack([np.bincount(row, minlength=k) for row in rows]) / rows.shape[1] for k, rows in nodes + pairs]


def means(each: list[float]) -> np.ndarray:
    """The mean over the nodes, and the mean over pairs of them: (2,)."""
    return np.array([np.mean(each[: len(NODES)]), np.mean(each[len(NODES) :])])


def check(codes: np.ndarray, cells: np.ndarray, reward: Reward, bias: float = BIAS) -> np.ndarray:
    """That noise explains the total variation of samples from the exact distribution; returns it, in terms of chance.

    Particles of one population depend on each other, but populations do not: how much they differ shows the noise of
    their mean, without a bias that they share. Chance is what as many independent draws of the exact distribution show.
    """
    truth = exact(reward, cells)
    exactly = [
        np.bincount(rows, weights=truth, minlength=k)
        for k, rows in [(7, cells[:, i]) for i in NODES]
        + [(49, 7 * cells[:, i] + cells[:, j]) for i, j in combinations(NODES, 2)]
    ]
    populations = frequencies(codes.reshape(-1, BLOCK, 8))
    count = len(codes) // BLOCK
    ours = means([np.abs(f.mean(axis=0) - p).sum() / 2 for f, p in zip(populations, exactly, strict=True)])
    # The mean of |x| of a normal x.
    absolute = np.sqrt(2 / np.pi)
    noise = means([absolute * (f.std(axis=0, ddof=1) / np.sqrt(count)).sum() / 2 for f in populations])
    assert (ours < [1.5, 1.25] * noise + bias).all(), ours / noise
    uniform = means([np.abs(p - f[0]).sum() / 2 for p, f in zip(exactly, frequencies(cells[None]), strict=True)])
    assert uniform[1] > 1.3 * noise[1] + bias
    chance: np.ndarray = means([absolute * np.sqrt(p * (1 - p) / len(codes)).sum() / 2 for p in exactly])
    return noise / chance


@pytest.mark.slow
@REWARDS
def test_samples_have_the_tilted_distribution(
    perfect_cells: DiscreteGenerator, all_cells: np.ndarray, reward: Reward
) -> None:
    codes = perfect_cells.tilted_sample(4096, reward, np.random.default_rng(0))
    # Moves make particles nearly as good as independent draws: the noise is at most that of a quarter of them.
    assert (check(codes, all_cells, reward) < 2).all()
    truth = exact(reward, all_cells)
    distinct = len(np.unique(np.random.default_rng(0).choice(len(all_cells), 4096, p=truth)))
    assert len(np.unique(codes, axis=0)) > 0.95 * distinct


@pytest.mark.slow
def test_with_many_particles_not_even_a_small_bias_is_left(
    perfect_cells: DiscreteGenerator, all_cells: np.ndarray
) -> None:
    codes = perfect_cells.tilted_sample(4096, peaked, np.random.default_rng(0), Resampling(particles=10))
    check(codes, all_cells, peaked, bias=0.0)


@pytest.mark.slow
def test_samples_of_the_shipped_generator_have_the_tilted_distribution(
    generators: dict[str, DiscreteGenerator], all_cells: np.ndarray
) -> None:
    check(generators["nb201"].tilted_sample(1024, linear, np.random.default_rng(3)), all_cells, linear)


@pytest.mark.slow
@REWARDS
@pytest.mark.parametrize("seed", [0, 1])
def test_many_samples_of_the_shipped_generator_have_the_tilted_distribution(
    generators: dict[str, DiscreteGenerator], all_cells: np.ndarray, reward: Reward, seed: int
) -> None:
    check(generators["nb201"].tilted_sample(4096, reward, np.random.default_rng(seed)), all_cells, reward)


@pytest.mark.parametrize(
    "settings",
    [
        Resampling(steps=1, particles=8, threshold=0.0, moves=0, last_moves=0),
        Resampling(steps=4, particles=8, threshold=0.8, moves=0, last_moves=0),
        Resampling(steps=1, threshold=0.0, moves=0, last_moves=30),
        Resampling(steps=20, threshold=0.9, moves=2, last_moves=0),
    ],
    ids=["importance", "many rises", "moves", "both"],
)
@pytest.mark.parametrize("reward", [linear, pairwise])
def test_each_part_by_itself_leads_to_the_tilted_distribution(
    perfect_cells: DiscreteGenerator, all_cells: np.ndarray, reward: Reward, settings: Resampling
) -> None:
    codes = perfect_cells.tilted_sample(2048, reward, np.random.default_rng(2), settings)
    # Without moves copies remain.
    assert (check(codes, all_cells, reward) < 2).all()


@pytest.mark.slow
@pytest.mark.parametrize("moves", [{"particles": 4, "moves": 0, "last_moves": 0}, {}, {"last_moves": 60}], ids=str)
def test_nodes_that_depend_on_each_other_are_tilted_together(pair: object, moves: dict[str, int]) -> None:
    rewards = np.array([[0.0, 1.5, 0.0], [1.0, 0.0, 0.5], [-1.0, 0.0, -1.0]])
    truth = pair.joint * np.exp(rewards)  # type: ignore[attr-defined]
    truth /= truth.sum()
    n, settings = 2048, Resampling(steps=40, **moves)
    generator = pair.generator()  # type: ignore[attr-defined]
    codes = generator.tilted_sample(n, lambda z: rewards[z[:, 0], z[:, 1]], np.random.default_rng(0), settings)
    found = np.bincount(codes @ [3, 1], minlength=9) / n
    assert np.abs(found - truth.ravel()).sum() / 2 < 0.045
    assert np.abs(pair.joint - truth).sum() / 2 > 0.15  # type: ignore[attr-defined]


@pytest.mark.parametrize("moves", [0, 6])
def test_what_must_not_be_never_is(generators: dict[str, DiscreteGenerator], moves: int) -> None:
    # One cell in 25 is allowed.
    def allowed(codes: np.ndarray) -> np.ndarray:
        return (codes[:, 1] == 3) & (codes[:, 2] == 3)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        codes = generators["nb201"].tilted_sample(
            300, lambda z: np.where(allowed(z), 0.0, -np.inf), np.random.default_rng(0), Resampling(last_moves=moves)
        )
    assert allowed(codes).all()
    assert len(np.unique(codes, axis=0)) > 100


def test_a_reward_that_nothing_earns_is_survived(perfect_cells: DiscreteGenerator) -> None:
    codes = perfect_cells.tilted_sample(100, lambda z: np.full(len(z), -np.inf), np.random.default_rng(0))
    assert len(np.unique(codes, axis=0)) > 80


def test_a_constant_is_no_reward(perfect_cells: DiscreteGenerator) -> None:
    for settings in (Resampling(), Resampling(particles=2, threshold=0.9, moves=2)):
        samples = [
            perfect_cells.tilted_sample(300, lambda z, c=c: np.full(len(z), c), np.random.default_rng(0), settings)
            for c in (0.0, -7.0)
        ]
        assert np.array_equal(*samples)


def test_moves_spread_copies(perfect_cells: DiscreteGenerator) -> None:
    distinct = [
        len(np.unique(perfect_cells.tilted_sample(256, linear, np.random.default_rng(0), settings), axis=0))
        for settings in (Resampling(moves=0, last_moves=0), Resampling())
    ]
    assert distinct[1] > 1.3 * distinct[0]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9])
def test_the_weight_rises_as_far_as_enough_particles_remain(threshold: float) -> None:
    settings, rewards = Resampling(threshold=threshold), 4 * np.random.default_rng(0).standard_normal(500)
    rise = settings._rise(rewards, 1.0)
    assert 0 < rise < 1
    assert _effective(rise * rewards) == pytest.approx(500 * threshold, rel=1e-3)
    # Where little is missing, all of it is made up for at once.
    assert settings._rise(rewards, rise / 2) == rise / 2


# The parts


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.integers(1, 200), st.integers(0, 99))
def test_systematic_resampling_takes_each_as_often_as_its_weight_says(weights: list, n: int, seed: int) -> None:
    w = np.array(weights)
    w[0] += 0.1
    counts = np.bincount(_systematic(w, n, torch.Generator().manual_seed(seed)), minlength=len(w))
    assert counts.sum() == n
    assert (np.abs(counts - n * w / w.sum()) < 1 + 1e-9).all()
    assert not counts[w == 0].any()


def test_systematic_resampling_is_right_on_average() -> None:
    w = np.array([0.05, 0.5, 0.2, 0.25])
    counts = [np.bincount(_systematic(w, 3, torch.Generator().manual_seed(s)), minlength=4) for s in range(4000)]
    np.testing.assert_allclose(np.mean(counts, axis=0), 3 * w, atol=0.03)


def test_the_effective_number_of_particles() -> None:
    assert _effective(np.full(9, -700.0)) == pytest.approx(9)
    assert _effective(np.array([0.0, -1e5, -1e6])) == pytest.approx(1)
    assert _effective(np.log([0.5, 0.5, 1e-300])) == pytest.approx(2)
    assert _effective(np.log([3.0, 1.0])) == pytest.approx(16 / 10)


def test_equal_graphs_are_scored_once() -> None:
    asked = []

    def score(codes: np.ndarray) -> np.ndarray:
        asked.append(codes)
        return codes @ [10.0, 1.0]

    codes = np.array([[3, 1], [0, 2], [3, 1], [0, 2], [4, 4]])
    assert distinct_scores(codes, score).tolist() == [31, 2, 31, 2, 44]
    assert [len(rows) for rows in asked] == [3]


def test_a_search_asks_for_no_more_than_it_says(perfect_cells: DiscreteGenerator) -> None:
    settings = ParticleSearch(particles=20, steps=3)
    codes, _ = perfect_cells.guided_sample(linear, np.random.default_rng(0), settings=settings)
    assert 20 < len(codes) <= 60
