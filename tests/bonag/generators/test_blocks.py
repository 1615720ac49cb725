"""Samples depend on the seed alone, and not on how many are asked for together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from bonag.generators.blocks import BLOCK, in_blocks
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.particles import Resampling


def plain(generator: torch.Generator, size: int) -> np.ndarray:
    return torch.rand((size, 3), generator=generator).numpy()


def drawn(n: int, seed: int = 0, size: int = BLOCK) -> np.ndarray:
    return in_blocks(n, np.random.default_rng(seed), plain, size)


@pytest.mark.parametrize("n", [1, 255, 256, 257, 700])
def test_the_first_of_many_are_those_of_few(n: int) -> None:
    assert drawn(n).shape == (n, 3)
    assert np.array_equal(drawn(n), drawn(1000)[:n])


def test_no_two_blocks_and_no_two_seeds_are_alike() -> None:
    rows = np.concatenate([drawn(40, seed, size=8) for seed in range(5)])
    assert len(np.unique(rows, axis=0)) == 200


def test_every_block_has_the_same_size() -> None:
    sizes: list[int] = []

    def sample(generator: torch.Generator, size: int) -> np.ndarray:
        sizes.append(size)
        return plain(generator, size)

    in_blocks(21, np.random.default_rng(0), sample, 10)
    assert sizes == [10, 10, 10]


def test_none_are_none() -> None:
    assert drawn(0).shape == (0, 3)


def test_one_number_of_the_callers_stream_is_used_however_many_are_drawn() -> None:
    rngs = [np.random.default_rng(0) for _ in range(2)]
    in_blocks(3, rngs[0], plain)
    in_blocks(900, rngs[1], plain)
    assert rngs[0].random() == rngs[1].random()


def unguided(generator: DiscreteGenerator, n: int, rng: np.random.Generator) -> np.ndarray:
    return generator.raw_sample(n, rng, steps=3)


def tilted(generator: DiscreteGenerator, n: int, rng: np.random.Generator) -> np.ndarray:
    settings = Resampling(steps=2, moves=1, last_moves=1)
    return generator.tilted_sample(n, lambda codes: codes.sum(axis=1) / 3, rng, settings)


def first_order(generator: DiscreteGenerator, n: int, rng: np.random.Generator) -> np.ndarray:
    def potential(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return x[:, 1:-1, 3].sum(dim=1).square() / 4

    return generator.gradient_sample(n, potential, rng, steps=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nb201", "mbv3"])
@pytest.mark.parametrize("sample", [unguided, tilted, first_order])
def test_the_first_300_of_700_are_those_of_300(
    generators: dict[str, DiscreteGenerator],
    name: str,
    sample: Callable[[DiscreteGenerator, int, np.random.Generator], np.ndarray],
) -> None:
    generator = generators[name]
    torch.manual_seed(0)
    few = sample(generator, 300, np.random.default_rng(5))
    torch.manual_seed(1)
    many = sample(generator, 700, np.random.default_rng(5))
    assert few.shape == (300, generator.space.num_sites)
    assert np.array_equal(few, many[:300])
    assert not np.array_equal(few[:44], many[256:300])
