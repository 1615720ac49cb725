from __future__ import annotations

from itertools import product

from loops.seeding import Purpose, rng_for, trial_seed


def test_the_same_coordinates_give_the_same_numbers() -> None:
    assert list(rng_for(3, 7).integers(1 << 30, size=8)) == list(rng_for(3, 7).integers(1 << 30, size=8))


def test_seed_trial_and_purpose_each_change_the_numbers() -> None:
    draws = {tuple(rng_for(s, t, p).integers(1 << 30, size=4)) for s, t, p in product(range(5), range(5), Purpose)}
    assert len(draws) == 5 * 5 * 2


def test_trial_seeds_fit_32_bits_and_differ() -> None:
    seeds = [trial_seed(0, index) for index in range(1000)]
    assert len(set(seeds)) == 1000
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert trial_seed(1, 0) != trial_seed(0, 1)
