"""The score-based generator of a space: a diffusion of one-hot codes as real numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bonag.generators.blocks import in_blocks
from bonag.generators.denoiser import Denoiser
from bonag.generators.samplers import SAMPLERS, Mean, Potential, guided, log_snr_levels, over_rows
from bonag.generators.sde import SDE
from search_spaces import Architecture, SearchSpace

STEPS = 20
SAMPLER = "dpm"


@dataclass(frozen=True)
class ScoreGenerator:
    """A trained score-based model of a space (Song et al., 2021; DiffusionNAG, An et al., 2024).

    x (B, S, K) is the one-hot form of codes, centred to -1 and 1. The network learns by ``score_matching_loss`` how
    sites depend on each other. What is known of a site by itself is Bayes' rule, of which the network sees the
    probabilities and to which its logits are added. So the posterior mean is exact from the start where all sites vary
    freely, it cannot leave the simplex, and what never varies (classes that a site never has) carries no noise.

    marginals: (S, K), how often each site has each class, as in ``Transition``.
    """

    space: SearchSpace
    denoiser: Denoiser
    sde: SDE
    marginals: Tensor

    def sample(
        self, n: int, rng: np.random.Generator, steps: int = STEPS, sampler: str = SAMPLER
    ) -> list[Architecture]:
        """n unguided samples: the valid architectures nearest to the clean x that the sampler ends with."""
        return self.space.project(self._final(self.mean, n, rng, steps, sampler))

    def raw_sample(self, n: int, rng: np.random.Generator, steps: int = STEPS, sampler: str = SAMPLER) -> np.ndarray:
        """As ``sample``, before the projection: (n, S) codes, the likeliest class of every site by itself.

        steps: noise levels, even in log-SNR. sampler: of ``SAMPLERS``; dpm asks the network once per level, heun and pc
        twice.
        """
        return self._final(self.mean, n, rng, steps, sampler).argmax(axis=-1)

    def guided_raw_sample(
        self,
        n: int,
        rng: np.random.Generator,
        potential: Potential,
        strength: float = 1.0,
        steps: int = STEPS,
        sampler: str = SAMPLER,
    ) -> np.ndarray:
        """Samples under a wish, before the projection: (n, S) codes.

        potential: log p(wish | x_t) of what ``seen`` gives, and of the level. strength: 1 is Bayes' rule.
        """
        tilted = guided(self.mean, self.sde, lambda x, t: potential(self.seen(x, t), t), strength)
        return self._final(tilted, n, rng, steps, sampler).argmax(axis=-1)

    def mean(self, x: Tensor, t: Tensor) -> Tensor:
        """E[x_0 | x_t], centred: x (B, S, K) at levels t (B,) -> (B, S, K)."""
        device = self.denoiser.position.device
        own = self._own(x, t)
        others = self.denoiser(own.softmax(dim=-1).to(device), t.to(device)).to(x.device)
        return 2 * (own + others).softmax(dim=-1) - 1

    def seen(self, x: Tensor, t: Tensor) -> Tensor:
        """What networks see of x (B, S, K) at levels t (B,): p(class | x_t of its site), (B, S, K)."""
        return self._own(x, t).softmax(dim=-1)

    def noised(self, codes: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
        """What networks see of codes (B, S) noised to levels t (B,): (B, S, K)."""
        x = self.one_hot(codes)
        noise = torch.randn(x.shape, generator=generator)
        return self.seen(over_rows(self.sde.alpha(t), x) * x + over_rows(self.sde.sigma(t), x) * noise, t)

    def one_hot(self, codes: Tensor) -> Tensor:
        """Codes (B, S) as the clean x: (B, S, K), -1 and 1."""
        return 2 * torch.nn.functional.one_hot(codes, self.marginals.shape[1]).float() - 1

    def _own(self, x: Tensor, t: Tensor) -> Tensor:
        """log p(class | x_t of its site) up to a constant: log marginal + 2 alpha x / sigma^2, by Bayes' rule."""
        return self.marginals.log().to(x) + over_rows(2 * self.sde.alpha(t) / self.sde.sigma(t) ** 2, x) * x

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
