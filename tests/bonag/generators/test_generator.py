"""Unguided sampling: valid, repeatable, and uniform over architectures as the space's own sampling is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chi2, chisquare

from bonag.generators.artifact import load_generator
from bonag.generators.discrete import DiscreteGenerator
from search_spaces import SearchSpace, get_space
from search_spaces.mbv3.architecture import SKIP, SLOTS_PER_STAGE

both_spaces = pytest.mark.parametrize("name", ["nb201", "mbv3"])
P_VALUE = 1e-3


def valid(space: SearchSpace, codes: np.ndarray) -> np.ndarray:
    return np.array([space.is_valid(space.graph(code)) for code in codes])


def shares(space: SearchSpace, codes: np.ndarray) -> list[np.ndarray]:
    """How often nodes have each operation, then how often joined ones have each two: one distribution each."""
    count, n = len(space.op_names), len(codes)
    nodes = [np.bincount(node, minlength=count) / n for node in codes.T]
    joined = [codes[:, i] * count + codes[:, j] for i, j in np.argwhere(space.adjacency)]
    return nodes + [np.bincount(both, minlength=count**2) / n for both in joined]


def variations(space: SearchSpace, codes: np.ndarray, truth: list[np.ndarray]) -> np.ndarray:
    """The largest total variation of a node's distribution from the true one, and of two joined nodes': (2,)."""
    each = [np.abs(found - true).sum() / 2 for found, true in zip(shares(space, codes), truth, strict=True)]
    return np.array([max(each[: space.num_nodes]), max(each[space.num_nodes :])])


def beyond_noise(space: SearchSpace, codes: np.ndarray) -> np.ndarray:
    """``variations`` from uniform sampling, less what as many uniform samples show by chance: (2,)."""
    truth = shares(space, space.codes(space.sample(100_000, np.random.default_rng(50))))
    chance = [
        variations(space, space.codes(space.sample(len(codes), np.random.default_rng(seed))), truth)
        for seed in range(60, 65)
    ]
    return variations(space, codes, truth) - np.mean(chance, axis=0)


@pytest.mark.slow
def test_with_a_perfect_denoiser_samples_are_distributed_as_the_data(pair: object) -> None:
    # Given z, the two nodes are drawn each on its own; how they depend on each other is the work of many small steps.
    joint, generator, n = pair.joint, pair.generator(), 4096  # type: ignore[attr-defined]
    counts = {
        steps: np.bincount(generator.raw_sample(n, np.random.default_rng(0), steps) @ [3, 1], minlength=9)
        for steps in (1, 5, 25, 100)
    }
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    assert chisquare(counts[1], n * independent.ravel()).pvalue > P_VALUE
    variation = {steps: np.abs(count / n - joint.ravel()).sum() / 2 for steps, count in counts.items()}
    assert variation[1] > 1.7 * variation[5] > 1.7**2 * variation[25]
    assert chisquare(counts[100], n * joint.ravel()).pvalue > P_VALUE


@pytest.mark.slow
def test_noise_of_either_kind_leads_to_the_same_samples(pair: object) -> None:
    generator, n = pair.generator(uniform=True), 4096  # type: ignore[attr-defined]
    counts = np.bincount(generator.raw_sample(n, np.random.default_rng(1), 100) @ [3, 1], minlength=9)
    assert chisquare(counts, n * pair.joint.ravel()).pvalue > P_VALUE  # type: ignore[attr-defined]


@both_spaces
def test_the_same_seed_gives_the_same_samples(generators: dict[str, DiscreteGenerator], name: str) -> None:
    generator = generators[name]
    torch.manual_seed(0)
    first = generator.sample(40, np.random.default_rng(7), steps=3)
    torch.manual_seed(1)
    assert generator.sample(40, np.random.default_rng(7), steps=3) == first
    assert generator.sample(40, np.random.default_rng(8), steps=3) != first


@both_spaces
@pytest.mark.parametrize("steps", [1, 2, 20])
def test_every_sample_is_valid_however_few_the_steps(
    generators: dict[str, DiscreteGenerator], name: str, steps: int
) -> None:
    space = generators[name].space
    samples = generators[name].sample(100, np.random.default_rng(0), steps=steps)
    assert len(samples) == 100
    assert valid(space, space.codes(samples)).all()
    assert all(space.parse(str(sample)) == sample for sample in samples)


@pytest.mark.parametrize(("name", "least"), [("nb201", 1.0), ("mbv3", 0.995)])
def test_nearly_all_samples_are_valid_before_the_projection(
    generators: dict[str, DiscreteGenerator], raw_samples: dict[str, np.ndarray], name: str, least: float
) -> None:
    assert valid(generators[name].space, raw_samples[name]).mean() >= least


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("nb101", 0.995), ("darts", 0.97), ("nlp", 0.99)])
def test_where_most_graphs_are_invalid_samples_are_not(name: str, least: float) -> None:
    space = get_space(name)
    codes = load_generator(space).raw_sample(400, np.random.default_rng(0))
    assert valid(space, codes).mean() >= least


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("nbgraph", 0.99), ("nbgraph-proteins", 0.99)])
def test_where_edges_are_learned_most_samples_are_valid_and_none_is_favoured(name: str, least: float) -> None:
    space = get_space(name)
    generator = load_generator(space)
    codes = generator.raw_sample(1000, np.random.default_rng(0))
    assert valid(space, codes).mean() >= least
    assert len(np.unique(codes, axis=0)) > 750
    every = space.codes(space.all())
    for site, classes in enumerate(space.site_classes):
        found, wanted = (np.bincount(part[:, site], minlength=classes) / len(part) for part in (codes, every))
        # The noise of 1,000 samples is 0.045 in the worst of the sites.
        assert np.abs(found - wanted).sum() / 2 < 0.07


def test_sites_that_contradict_each_other_are_drawn_anew_and_others_are_left_alone() -> None:
    space = get_space("nb101")
    generator, rng = load_generator(space), np.random.default_rng(0)
    right = space.codes(space.sample(200, rng))
    wrong = right.copy()
    # Without its edges to the output a cell puts out nothing.
    into_output = space.num_nodes + np.flatnonzero(space.free_edges[:, 1] == space.num_nodes - 1)
    wrong[:, into_output] = 0
    assert not valid(space, wrong).any()
    mended = generator.corrected(torch.from_numpy(wrong), torch.Generator().manual_seed(0)).numpy()
    assert valid(space, mended).mean() > 0.98
    kept = generator.corrected(torch.from_numpy(right), torch.Generator().manual_seed(0)).numpy()
    assert (kept == right).all(axis=1).mean() > 0.98


@pytest.mark.slow
def test_nearly_all_recurrent_cells_are_valid_before_the_projection() -> None:
    space = get_space("nlp")
    codes = load_generator(space).raw_sample(1000, np.random.default_rng(0))
    cells = [space.decode(space.graph(code)) for code in codes if space.is_valid(space.graph(code))]
    assert len(cells) >= 950
    # As many as a uniform sampler's, but for a few small cells.
    assert len(set(cells)) > 900


def test_a_sample_that_is_valid_is_not_changed_by_the_projection(
    generators: dict[str, DiscreteGenerator], raw_samples: dict[str, np.ndarray]
) -> None:
    generator = generators["mbv3"]
    # Random operations, which mostly break the rule that the slots in use come first.
    random = np.random.default_rng(0).integers(SKIP + 1, size=(1000, generator.space.num_sites))
    codes = np.concatenate([raw_samples["mbv3"], random])
    kept = (generator.space.codes(generator.space.nearest(codes)) == codes).all(axis=1)
    assert 0.5 < kept.mean() < 0.7
    assert np.array_equal(kept, valid(generator.space, codes))


@both_spaces
def test_samples_are_diverse(raw_samples: dict[str, np.ndarray], name: str) -> None:
    # 1,000 uniform draws from 15,625 cells repeat 31 of them, with a standard deviation of 5.
    assert len(np.unique(raw_samples[name], axis=0)) > 945


@pytest.mark.slow
@both_spaces
def test_nodes_are_distributed_as_in_uniform_sampling(
    generators: dict[str, DiscreteGenerator], raw_samples: dict[str, np.ndarray], name: str
) -> None:
    assert (beyond_noise(generators[name].space, raw_samples[name]) < 0.03).all()


def test_stages_are_as_deep_as_uniform_ones(raw_samples: dict[str, np.ndarray]) -> None:
    depths = SLOTS_PER_STAGE - (raw_samples["mbv3"].reshape(-1, SLOTS_PER_STAGE) == SKIP).sum(axis=1)
    found = np.bincount(depths, minlength=5)[2:] / len(depths)
    uniform = np.array([9**2, 9**3, 9**4]) / 7371
    # 5,000 stages; standard errors 0.0015, 0.004, 0.004.
    assert (np.abs(found - uniform) < [0.01, 0.02, 0.02]).all()


@pytest.mark.slow
@both_spaces
def test_the_distribution_of_shipped_generators_over_many_samples(
    generators: dict[str, DiscreteGenerator], name: str
) -> None:
    space = generators[name].space
    codes = generators[name].raw_sample(4096, np.random.default_rng(1))
    assert valid(space, codes).mean() >= 0.995
    assert (beyond_noise(space, codes) < 0.03).all()
    if name == "nb201":
        # Cells in 125 groups of equal size, by their last three edges. Perfect uniformity would stay below the
        # quantile; a mild bias multiplies the statistic.
        counts = np.bincount((codes[:, 4:7] - 2) @ [25, 5, 1], minlength=125)
        assert ((counts - 4096 / 125) ** 2 / (4096 / 125)).sum() < 1.5 * chi2.ppf(0.999, 124)
