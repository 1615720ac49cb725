"""Unguided sampling: valid, repeatable, and uniform over architectures as the space's own sampling is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch import nn

from bonag.generators.diffusion import Transition, signal
from bonag.generators.generator import DiffusionGenerator
from search_spaces import ArchGraph, SearchSpace
from search_spaces.mbv3.architecture import SKIP, SLOTS_PER_STAGE

both_spaces = pytest.mark.parametrize("name", ["nb201", "mbv3"])


def valid_share(space: SearchSpace, ops: np.ndarray) -> float:
    assert space.adjacency is not None
    return float(np.mean([space.is_valid(ArchGraph(row, space.adjacency)) for row in ops]))


def marginals(ops: np.ndarray, vocabulary: int) -> np.ndarray:
    """How often every node has every operation: (N, V)."""
    return np.eye(vocabulary)[ops].mean(axis=0)


def depth_shares(ops: np.ndarray) -> np.ndarray:
    """How often a stage has depth 2, 3, 4."""
    depths = SLOTS_PER_STAGE - (ops.reshape(-1, SLOTS_PER_STAGE) == SKIP).sum(axis=1)
    return np.bincount(depths, minlength=5)[2:] / len(depths)


class _Exact(nn.Module):
    """What is known of a pair of bits at a noise level, by Bayes' rule, where the data are 00 and 11: p(x_i | z)."""

    def __init__(self, marginal: torch.Tensor) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(2, 1))
        self.marginal = marginal

    def forward(self, z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        kept = signal(t)[:, None]
        joint = [
            p * (kept * (z == bit) + (1 - kept) * self.marginal[z]).prod(dim=1) for bit, p in enumerate(self.marginal)
        ]
        return torch.stack(joint, dim=1).log()[:, None].expand(-1, 2, -1)


def test_with_a_perfect_denoiser_samples_are_distributed_as_the_data(
    generators: dict[str, DiffusionGenerator],
) -> None:
    # Given z, the two bits are drawn each on its own; that they agree in the end is the work of many small steps.
    marginal = torch.tensor([0.8, 0.2], dtype=torch.float64)
    generator = DiffusionGenerator(
        generators["nb201"].space,
        _Exact(marginal),  # type: ignore[arg-type]
        Transition(marginal.repeat(2, 1)),
    )
    shares = {}
    for steps in (1, 10, 100):
        bits = generator.raw_sample(4000, np.random.default_rng(0), steps)
        shares[steps] = np.bincount(bits @ [2, 1], minlength=4) / len(bits)
    np.testing.assert_allclose(shares[1], [0.64, 0.16, 0.16, 0.04], atol=0.03)
    assert shares[1][1:3].sum() > 3 * shares[10][1:3].sum() > 9 * shares[100][1:3].sum()
    np.testing.assert_allclose(shares[100], [0.8, 0, 0, 0.2], atol=0.03)


@both_spaces
def test_the_same_seed_gives_the_same_samples(generators: dict[str, DiffusionGenerator], name: str) -> None:
    generator = generators[name]
    torch.manual_seed(0)
    first = generator.sample(40, np.random.default_rng(7), steps=6)
    torch.manual_seed(1)
    assert generator.sample(40, np.random.default_rng(7), steps=6) == first
    assert generator.sample(40, np.random.default_rng(8), steps=6) != first


@both_spaces
@pytest.mark.parametrize("steps", [1, 2, 20])
def test_every_sample_is_valid_however_few_the_steps(
    generators: dict[str, DiffusionGenerator], name: str, steps: int
) -> None:
    space = generators[name].space
    samples = generators[name].sample(100, np.random.default_rng(0), steps=steps)
    assert len(samples) == 100
    assert valid_share(space, space.codes(samples)) == 1
    assert all(space.parse(str(sample)) == sample for sample in samples)


@pytest.mark.parametrize(("name", "least"), [("nb201", 1.0), ("mbv3", 0.97)])
def test_most_samples_are_valid_before_the_projection(
    generators: dict[str, DiffusionGenerator], raw_samples: dict[str, np.ndarray], name: str, least: float
) -> None:
    assert valid_share(generators[name].space, raw_samples[name]) >= least


def test_a_sample_that_is_valid_is_not_changed_by_the_projection(
    generators: dict[str, DiffusionGenerator], raw_samples: dict[str, np.ndarray]
) -> None:
    space = generators["mbv3"].space
    projected = space.codes(generators["mbv3"].sample(500, np.random.default_rng(0)))
    valid = np.array([space.is_valid(ArchGraph(row, space.adjacency)) for row in raw_samples["mbv3"]])  # type: ignore[arg-type]
    assert np.array_equal((projected == raw_samples["mbv3"]).all(axis=1), valid)


@both_spaces
def test_samples_are_diverse(raw_samples: dict[str, np.ndarray], name: str) -> None:
    # 500 uniform draws from 15,625 cells repeat about 8 of them.
    assert len(np.unique(raw_samples[name], axis=0)) > 475


def test_cells_are_nearly_uniform(raw_samples: dict[str, np.ndarray]) -> None:
    shares = marginals(raw_samples["nb201"], 7)[1:-1, 2:]
    # Of 5 operations a fifth each, with a standard error of 0.018.
    assert np.abs(shares - 0.2).max() < 0.08


def test_stages_are_as_deep_as_uniform_ones(raw_samples: dict[str, np.ndarray]) -> None:
    uniform = np.array([9**2, 9**3, 9**4]) / 7371
    # 2,500 stages; standard errors 0.002, 0.006, 0.006.
    assert (np.abs(depth_shares(raw_samples["mbv3"]) - uniform) < [0.012, 0.03, 0.03]).all()


@pytest.mark.slow
@both_spaces
def test_node_marginals_are_uniform_up_to_a_small_model_error(
    generators: dict[str, DiffusionGenerator], name: str
) -> None:
    generator, n = generators[name], 10_000
    vocabulary = len(generator.space.op_names)
    ops = generator.raw_sample(n, np.random.default_rng(1))
    truth = generator.space.codes(generator.space.sample(n, np.random.default_rng(2)))
    variation = np.abs(marginals(ops, vocabulary) - marginals(truth, vocabulary)).sum(axis=1) / 2
    assert variation.max() < 0.04
    # Neighbouring nodes together.
    pairs = [marginals(both[:, :-1] * vocabulary + both[:, 1:], vocabulary**2) for both in (ops, truth)]
    assert (np.abs(pairs[0] - pairs[1]).sum(axis=1) / 2).max() < 0.1


@pytest.mark.slow
def test_cells_are_uniform_over_the_whole_space_up_to_a_small_model_error(
    generators: dict[str, DiffusionGenerator],
) -> None:
    # Cells in 125 groups of equal size, by their last three edges. Perfect uniformity would stay below the quantile;
    # a mild bias multiplies the statistic.
    n = 10_000
    ops = generators["nb201"].raw_sample(n, np.random.default_rng(1))[:, 4:7] - 2
    counts = np.bincount(ops @ [25, 5, 1], minlength=125)
    statistic = ((counts - n / 125) ** 2 / (n / 125)).sum()
    assert statistic < 2 * chi2.ppf(0.999, 124)
