"""The shipped generators, samples of them, and models that are known in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from torch import Tensor, nn

from bonag.generators.artifact import load_generator
from bonag.generators.diffusion import Transition
from bonag.generators.discrete import DiscreteGenerator
from search_spaces import SearchSpace, get_space

Score = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="session")
def generators() -> dict[str, DiscreteGenerator]:
    found = {name: load_generator(get_space(name)) for name in ("nb201", "mbv3")}
    assert all(isinstance(generator, DiscreteGenerator) for generator in found.values())
    return found  # type: ignore[return-value]


@pytest.fixture(scope="session")
def raw_samples(generators: dict[str, DiscreteGenerator]) -> dict[str, np.ndarray]:
    """Unguided samples before the projection: (1000, N) operations of each space."""
    return {name: generator.raw_sample(1000, np.random.default_rng(0)) for name, generator in generators.items()}


@pytest.fixture(scope="session")
def nearness() -> Callable[[np.ndarray], Score]:
    """Minus the number of nodes in which a graph differs from a target: (N,) -> a function (B, N) -> (B,)."""

    def to(target: np.ndarray) -> Score:
        return lambda ops: -(ops != target).sum(axis=1).astype(np.float64)

    return to


@pytest.fixture(scope="session")
def all_cells() -> np.ndarray:
    """The codes of all cells of nb201: (15625, 8)."""
    space = get_space("nb201")
    return space.codes(space.all())


@dataclass(frozen=True)
class Pair:
    """All that there is to know of two nodes with the same operations, of which some pairs are more likely than others.

    joint: (K, K), its probabilities. metrics: (K, K, C), the means of C metrics; their standard deviation is 1, so that
    no bound is impossible.
    """

    joint: np.ndarray
    metrics: np.ndarray

    def transition(self, uniform: bool = False) -> Transition:
        if uniform:
            return Transition(torch.full((2, len(self.joint)), 1 / len(self.joint), dtype=torch.float64))
        return Transition(torch.from_numpy(np.stack([self.joint.sum(axis=1), self.joint.sum(axis=0)])))

    def given(self, bounds: np.ndarray) -> np.ndarray:
        """p(both nodes | the metrics meet (C, 2) bounds): (K, K)."""
        inside = ndtr(bounds[:, 1] - self.metrics) - ndtr(bounds[:, 0] - self.metrics)
        met = self.joint * inside.prod(axis=-1)
        return met / met.sum()

    def generator(self, uniform: bool = False) -> DiscreteGenerator:
        """Its diffusion model, whose network is Bayes' rule. What leaves it unprojected does not depend on a space."""
        transition = self.transition(uniform)
        quantiles = {f"m{c}": np.array([0.0, 1.0]) for c in range(self.metrics.shape[-1])}
        network: nn.Module = _BayesRule(self, transition)
        return DiscreteGenerator(get_space("nb201"), network, transition.marginals, quantiles=quantiles)


class _BayesRule(nn.Module):
    """log p(x_i | z_j, bounds) for the other node j of a pair."""

    def __init__(self, pair: Pair, transition: Transition) -> None:
        super().__init__()
        self.pair, self.transition = pair, transition
        self.position = nn.Parameter(torch.zeros(2, 1))

    def forward(self, z: Tensor, t: Tensor, bounds: Tensor | None = None) -> Tensor:
        open_ends = np.tile([-np.inf, np.inf], (len(z), self.pair.metrics.shape[-1], 1))
        rows = open_ends if bounds is None else bounds.double().numpy()
        joint = torch.from_numpy(np.stack([self.pair.given(row) for row in rows[:1]]))
        if bounds is not None and (rows != rows[0]).any():
            joint = torch.from_numpy(np.stack([self.pair.given(row) for row in rows]))
        seen = self.transition.log_likelihood(z, t).exp()
        first = (joint * seen[:, 1, None, :]).sum(dim=2)
        second = (joint * seen[:, 0, :, None]).sum(dim=1)
        return torch.stack([first, second], dim=1).log()


@pytest.fixture(scope="session")
def pair() -> Pair:
    """Two nodes with three operations, strongly dependent, and two metrics."""
    joint = np.array([[0.30, 0.02, 0.03], [0.04, 0.21, 0.05], [0.01, 0.06, 0.28]])
    metrics = np.random.default_rng(0).normal(size=(3, 3, 2))
    return Pair(joint, metrics)


class _Independent(nn.Module):
    """log p(x_i) where no site says anything of another."""

    def __init__(self, marginals: Tensor) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(len(marginals), 1))
        self.register_buffer("logits", marginals.log())

    def forward(self, z: Tensor, t: Tensor, bounds: Tensor | None = None) -> Tensor:
        return self.logits.expand(len(z), -1, -1)  # type: ignore[operator]


@pytest.fixture(scope="session")
def perfect_cells(all_cells: np.ndarray) -> DiscreteGenerator:
    """The diffusion model of nb201 whose network is exactly right: every cell is equally likely."""
    space: SearchSpace = get_space("nb201")
    transition = Transition.of_sample(space, all_cells)
    network: nn.Module = _Independent(transition.marginals)
    return DiscreteGenerator(space, network, transition.marginals)
