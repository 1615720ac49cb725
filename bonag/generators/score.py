"""The score-based generator of a space: a diffusion of one-hot codes as real numbers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from bonag.generators.blocks import in_blocks
from bonag.generators.samplers import SAMPLERS, Mean, guided, log_snr_levels, over_rows
from bonag.generators.sde import SDE
from bonag.generators.trained import STEPS, Potential, Steering, TrainedGenerator
from search_spaces import Architecture

SAMPLER = "dpm"
GUIDED_SAMPLER = "pc"
# sigma / alpha where graphs are neither certain nor forgotten: one-hot classes are 2.8 apart, half of that decides.
TRAINED_RATIOS = (0.35, 2.5)


@dataclass(frozen=True)
class ScoreGenerator(TrainedGenerator):
    """A score-based model of a space (Song et al., 2021; DiffusionNAG, An et al., 2024).

    x (B, S, K) is the one-hot form of codes, centred to -1 and 1. The denoiser gives, for every site, the posterior
    given all other sites, to which Bayes' rule adds the likelihood of what the site itself is now. So the posterior
    mean is exact from the start where all sites vary freely, it cannot leave the simplex, and what never varies
    (classes that a site never has) carries no noise. What the network sees of a site are the probabilities of its
    classes given its own noisy entries. They are all that x_t tells of x_0, so it is not told the level, and a network
    serves any SDE.
    """

    family: ClassVar[str] = "score"
    methods: ClassVar[tuple[str, ...]] = ("gradient",)

    sde: SDE

    @property
    def settings(self) -> dict[str, str]:
        """See ``TrainedGenerator``."""
        return {"sde": json.dumps({"name": type(self.sde).__name__} | asdict(self.sde))}  # type: ignore[call-overload]

    def sample(
        self, n: int, rng: np.random.Generator, steps: int = STEPS, sampler: str = SAMPLER
    ) -> list[Architecture]:
        """See ``TrainedGenerator``: the valid architectures nearest to the clean x that the sampler ends with."""
        return self.space.project(self._final(self.mean, n, rng, steps, sampler))

    def raw_sample(self, n: int, rng: np.random.Generator, steps: int = STEPS, sampler: str = SAMPLER) -> np.ndarray:
        """See ``TrainedGenerator``: the likeliest class of every site by itself.

        steps: noise levels, even in log-SNR. sampler: of ``SAMPLERS``; dpm asks the network once per level, heun and pc
        twice.
        """
        return self._final(self.mean, n, rng, steps, sampler).argmax(axis=-1)

    def steered_sample(self, method: str, n: int, rng: np.random.Generator, steering: Steering) -> np.ndarray:
        """See ``TrainedGenerator``."""
        return self.gradient_sample(n, steering.potential(), rng)

    def gradient_sample(
        self,
        n: int,
        potential: Potential,
        rng: np.random.Generator,
        strength: float = 1.0,
        steps: int = STEPS,
        sampler: str = GUIDED_SAMPLER,
    ) -> np.ndarray:
        """See ``TrainedGenerator``; the potential is of what ``seen`` gives, and of the level.

        Where the potential is not exact, pc meets more of the wish than dpm and heun, since its Langevin steps correct
        what earlier levels got wrong.
        """
        tilted = guided(self.mean, self.sde, lambda x, t: potential(self.seen(x, t), t), strength)
        return self._final(tilted, n, rng, steps, sampler).argmax(axis=-1)

    def loss(self, codes: Tensor, generator: torch.Generator) -> Tensor:
        """What training minimises, a scalar: the cross-entropy of clean classes given the other noisy sites.

        codes: (B, S). Only free sites count. The probabilities that minimise a cross-entropy are the posterior mean of
        the one-hot form, and so give the score (Dieleman et al., 2022, section 3.1), as those do that minimise
        the squared error. But there, what a site tells of itself drowns the little that others tell of it.
        """
        t = self.sde.random_levels(len(codes), generator, TRAINED_RATIOS)
        others = self._others(self.noised(codes, t, generator))
        free = (self.marginals > 0).sum(dim=1) > 1
        return torch.nn.functional.cross_entropy(others[:, free].flatten(0, 1), codes[:, free].flatten())

    def mean(self, x: Tensor, t: Tensor) -> Tensor:
        """E[x_0 | x_t], centred: x (B, S, K) at levels t (B,) -> (B, S, K)."""
        likelihood = self._log_likelihood(x, t)
        return 2 * (likelihood + self._others(self.seen(x, t))).softmax(dim=-1) - 1

    def seen(self, x: Tensor, t: Tensor) -> Tensor:
        """What networks see of x (B, S, K) at levels t (B,): p(class | x_t of its site), (B, S, K)."""
        return (self.marginals.log().to(x) + self._log_likelihood(x, t)).softmax(dim=-1)

    def noised(self, codes: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
        """See ``TrainedGenerator``: (B, S, K)."""
        x = self.one_hot(codes)
        noise = torch.randn(x.shape, generator=generator)
        return self.seen(over_rows(self.sde.alpha(t), x) * x + over_rows(self.sde.sigma(t), x) * noise, t)

    def one_hot(self, codes: Tensor) -> Tensor:
        """Codes (B, S) as the clean x: (B, S, K), -1 and 1."""
        return 2 * torch.nn.functional.one_hot(codes, self.marginals.shape[1]).float() - 1

    def _log_likelihood(self, x: Tensor, t: Tensor) -> Tensor:
        """log q(x_t of a site | its class) up to a constant: 2 alpha x / sigma^2."""
        return over_rows(2 * self.sde.alpha(t) / self.sde.sigma(t) ** 2, x) * x

    def _others(self, seen: Tensor) -> Tensor:
        """log p(class | x_t of all other sites) up to a constant; the network starts from the marginals."""
        near = seen.to(self.device)
        return self.marginals.log().to(seen) + self.denoiser(near, near.new_zeros(len(near))).to(seen.device)

    def _final(self, mean: Mean, n: int, rng: np.random.Generator, steps: int, sampler: str) -> np.ndarray:
        if sampler not in SAMPLERS:
            raise ValueError(f"unknown sampler '{sampler}': choose from {', '.join(SAMPLERS)}")
        levels = log_snr_levels(self.sde, steps)
        # Mean and variance of x_1 are known, so the first level need not be so noisy that they are forgotten.
        one = torch.ones((), dtype=torch.float64)
        centre = self.sde.alpha(one) * (2 * self.marginals - 1)
        variance = self.sde.sigma(one) ** 2 + self.sde.alpha(one) ** 2 - centre**2

        @torch.no_grad()
        def block(generator: torch.Generator, size: int) -> np.ndarray:
            def noise() -> Tensor:
                return torch.randn((size, *self.marginals.shape), generator=generator)

            x = (centre + variance.sqrt() * noise()).float()
            return SAMPLERS[sampler](mean, self.sde, x, levels, noise).numpy()

        return in_blocks(n, rng, block)
