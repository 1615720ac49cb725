"""What every trained generator can do, whichever its family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from search_spaces import Architecture, SearchSpace

STEPS = 20
CONDITIONAL = "classifier-free"

# Scores of (B, S) codes, larger is better: (B,).
Score = Callable[[np.ndarray], np.ndarray]
# log p(wish | x_t) of what networks see of graphs (B, ...) at their levels (B,): (B,), differentiable.
Potential = Callable[[Tensor, Tensor], Tensor]


class Steering(Protocol):
    """What bounds on metrics ask for, of which every method takes what it understands.

    bounds: (C, 2) lower and upper bounds in normal scores, infinite where open. strengths: (C,), how strongly each
    metric is asked for.
    """

    @property
    def bounds(self) -> np.ndarray: ...

    @property
    def strengths(self) -> np.ndarray: ...

    def log_rewards(self) -> list[Score]:
        """Summands of the logarithm by which the generator's distribution is multiplied."""
        ...

    def potential(self) -> Potential:
        """The same of noisy graphs."""
        ...


@dataclass(frozen=True)
class TrainedGenerator(ABC):
    """A diffusion model of a space; every architecture that leaves it is valid.

    family: how it diffuses. methods: by which a predictor can steer it, the default first. denoiser: the network, from
    noisy graphs to the classes of clean ones. marginals: (S, K) float64, how often each site has each class.
    quantiles: of each metric that can be a condition, in the network's order: (Q,) at even levels over the space.
    """

    family: ClassVar[str]
    methods: ClassVar[tuple[str, ...]]

    space: SearchSpace
    denoiser: nn.Module
    marginals: Tensor
    quantiles: Mapping[str, np.ndarray] = field(default_factory=dict, kw_only=True)

    @property
    def settings(self) -> dict[str, str]:
        """What a file says of the generator beside its tensors, by name."""
        return {}

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return next(chain(self.denoiser.parameters(), self.denoiser.buffers())).device

    def sample(self, n: int, rng: np.random.Generator, steps: int = STEPS) -> list[Architecture]:
        """n unguided samples over ``steps`` noise levels, projected onto the space."""
        return self.space.nearest(self.raw_sample(n, rng, steps))

    @abstractmethod
    def raw_sample(self, n: int, rng: np.random.Generator, steps: int = STEPS) -> np.ndarray:
        """As ``sample``, before the projection: (n, S) codes."""

    @abstractmethod
    def steered_sample(self, method: str, n: int, rng: np.random.Generator, steering: Steering) -> np.ndarray:
        """n samples by one of the ``methods``, before the projection: (n, S) codes."""

    @abstractmethod
    def gradient_sample(
        self, n: int, potential: Potential, rng: np.random.Generator, strength: float = 1.0
    ) -> np.ndarray:
        """n samples that follow the potential's gradient, before the projection: (n, S) codes.

        strength: 1 is Bayes' rule where the potential is log p(wish | x_t).
        """

    @abstractmethod
    def noised(self, codes: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
        """What networks see of codes (B, S) noised to levels t (B,)."""
