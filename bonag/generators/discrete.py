"""The discrete graph diffusion generator of a space: unguided, with conditions, and guided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from bonag.generators.blocks import in_blocks
from bonag.generators.diffusion import Transition, draw
from bonag.generators.particles import ParticleSearch, Resampling
from bonag.generators.trained import CONDITIONAL, STEPS, Potential, Score, Steering, TrainedGenerator

# A class that is so much less likely beside the other sites than it is at large is an error of sampling.
UNLIKELY = 0.05
MAX_CORRECTIONS = 24
# How often each site of a conditional sample is drawn anew at the end, on average.
SWEEPS = 4


@dataclass(frozen=True)
class DiscreteGenerator(TrainedGenerator):
    """A discrete diffusion model of a space, sampled by ancestral sampling."""

    family: ClassVar[str] = "discrete"
    methods: ClassVar[tuple[str, ...]] = ("resampling", "first-order")

    @cached_property
    def transition(self) -> Transition:
        """How noise comes in."""
        return Transition(self.marginals)

    def raw_sample(
        self,
        n: int,
        rng: np.random.Generator,
        steps: int = STEPS,
        bounds: np.ndarray | None = None,
        strengths: np.ndarray | None = None,
    ) -> np.ndarray:
        """See ``TrainedGenerator``.

        bounds: (C, 2) lower and upper bounds on the metrics of ``quantiles``, in normal scores, infinite where open.
        strengths: (C,), how strongly each is asked for; see ``clean_probabilities``.
        """

        @torch.no_grad()
        def block(generator: torch.Generator, size: int) -> np.ndarray:
            """So many of them: (size, S) codes."""
            z = self.transition.prior(size, generator)
            for t, s in pairwise(np.linspace(1, 0, steps + 1).tolist()):
                x = draw(self.clean_probabilities(z, t, bounds, strengths), generator)
                z = draw(self.transition.posterior(z, x, s, t), generator)
            if bounds is not None and np.isfinite(bounds).any():
                z = self._settled(z, bounds, strengths, generator)
            return self.corrected(z, generator).numpy()

        return in_blocks(n, rng, block)

    def tilted_sample(
        self,
        n: int,
        log_reward: Score | Sequence[Score],
        rng: np.random.Generator,
        settings: Resampling | None = None,
    ) -> np.ndarray:
        """n samples from p(x) exp(log_reward(x)), before the projection: (n, S) codes. See ``Resampling``.

        log_reward: one, or several whose sum it is; particles climb them one after the other.
        """
        log_rewards = (log_reward,) if callable(log_reward) else tuple(log_reward)
        settings = settings or Resampling()

        @torch.no_grad()
        def block(generator: torch.Generator, size: int) -> np.ndarray:
            """So many of them: (size, S) codes."""
            return settings.sample(
                size, self.transition, self.clean_probabilities, self.site_conditionals, log_rewards, generator
            )

        return in_blocks(n, rng, block)

    def steered_sample(self, method: str, n: int, rng: np.random.Generator, steering: Steering) -> np.ndarray:
        """See ``TrainedGenerator``; with ``quantiles`` also classifier-free, by the conditions of the network."""
        if method == CONDITIONAL:
            return self.raw_sample(n, rng, bounds=steering.bounds, strengths=steering.strengths)
        if method == "resampling":
            return self.tilted_sample(n, steering.log_rewards(), rng)
        return self.gradient_sample(n, steering.potential(), rng)

    def noised(self, codes: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
        """See ``TrainedGenerator``: codes (B, S)."""
        return self.transition.noised(codes, t, generator)

    def gradient_sample(
        self, n: int, potential: Potential, rng: np.random.Generator, strength: float = 1.0, steps: int = STEPS
    ) -> np.ndarray:
        """See ``TrainedGenerator``: first-order guidance.

        p(z_s | z_t) is multiplied by exp(strength * <gradient of the potential at z_t, z_s>): DiGress (Vignac et al.,
        2023, section 5), which takes the potential for linear around z_t.
        """
        classes = self.marginals.shape[1]

        def block(generator: torch.Generator, size: int) -> np.ndarray:
            """So many of them: (size, S) codes."""
            z = self.transition.prior(size, generator)
            for t, s in pairwise(np.linspace(1, 0, steps + 1).tolist()):
                x = torch.nn.functional.one_hot(z, classes).float().requires_grad_()
                [gradient] = torch.autograd.grad(potential(x, torch.full((size,), t)).sum(), x)
                with torch.no_grad():
                    step = self.transition.reverse(z, self.clean_probabilities(z, t), s, t)
                    # Classes that cannot be reached stay so, however steep the potential is there.
                    z = draw((step.log() + strength * gradient.double()).softmax(dim=-1), generator)
            return z.numpy()

        return in_blocks(n, rng, block)

    @torch.no_grad()
    def guided_sample(
        self,
        guidance: Score,
        rng: np.random.Generator,
        starts: np.ndarray | None = None,
        settings: ParticleSearch | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Search with the guidance; see ``ParticleSearch``.

        guidance: scores of (B, S) codes. starts: (K, S) valid codes to begin from.
        Returns all distinct graphs that were scored, best first: (M, S) codes and (M,) scores.
        """
        settings = settings or ParticleSearch()
        generator = torch.Generator().manual_seed(int(rng.integers(2**63 - 1)))
        if starts is None:
            starts = np.empty((0, self.space.num_sites), dtype=np.int64)
        return settings.run(
            self.transition, self.clean_probabilities, self.space.nearest_codes, guidance, starts, generator
        )

    def clean_probabilities(
        self, z: Tensor, t: float, bounds: np.ndarray | None = None, strengths: np.ndarray | None = None
    ) -> Tensor:
        """p(x_i | z_t, bounds) of every site: (B, S) noisy codes -> (B, S, K).

        With strengths w, the logits are l(all) + sum over the bounded metrics c of (w_c - 1) (l(all) - l(all but c)):
        classifier-free guidance (Ho and Salimans, 2022) in which each condition is amplified given the others. All w at
        1 is the plain conditional model, a single w is the usual rule. The likelihood of what a site is now is added.
        """
        own = self.transition.log_likelihood(z, t)
        return (self._logits(z, t, bounds, strengths) + own).softmax(dim=-1)

    @torch.no_grad()
    def corrected(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """The codes z (B, S), with sites drawn anew that do not fit the others: (B, S).

        A step of ancestral sampling draws all sites at once, as if they were independent, so that at the end two of
        them can contradict each other. The network knows it: the site that it finds least likely given the others is
        drawn from its conditional, a step of Gibbs sampling without noise, until all are likely. Corrector steps
        are from Campbell et al. (2022, section 4.4).
        """
        z, rows = z.clone(), torch.arange(len(z))
        for _ in range(MAX_CORRECTIONS):
            conditionals = self.site_conditionals(z[rows])
            now = z[rows][..., None]
            at_large = self.marginals.expand(len(rows), -1, -1).gather(2, now)
            # A class that a site never has fits nowhere.
            fit, worst = (conditionals.gather(2, now) / at_large)[..., 0].nan_to_num(0.0).min(dim=1)
            off = fit < UNLIKELY
            rows, worst, conditionals = rows[off], worst[off], conditionals[off]
            if not len(rows):
                break
            z[rows, worst] = draw(conditionals[torch.arange(len(rows)), worst], generator)
        return z

    def site_conditionals(
        self, x: Tensor, bounds: np.ndarray | None = None, strengths: np.ndarray | None = None
    ) -> Tensor:
        """p(x_i | x_j for j != i, bounds) of clean codes (B, S): (B, S, K). Strengths as in ``clean_probabilities``."""
        logits = self._logits(x, 0.0, bounds, strengths)
        return logits.masked_fill(self.marginals == 0, -torch.inf).softmax(dim=-1)

    def _settled(
        self, x: Tensor, bounds: np.ndarray, strengths: np.ndarray | None, generator: torch.Generator
    ) -> Tensor:
        """Clean codes (B, S) in which sites are drawn anew, one after the other, given the others and the bounds.

        Amplified conditions of noisy codes are not those of any noisy distribution, so that levels of noise end beside
        the one that is asked for; without noise, Gibbs sampling draws from it.
        """
        x, rows, free = x.clone(), torch.arange(len(x)), self.transition.free.nonzero()[:, 0]
        for _ in range(SWEEPS * len(free)):
            sites = free[torch.randint(len(free), (len(x),), generator=generator)]
            x[rows, sites] = draw(self.site_conditionals(x, bounds, strengths)[rows, sites], generator)
        return x

    def _logits(self, z: Tensor, t: float, bounds: np.ndarray | None, strengths: np.ndarray | None) -> Tensor:
        """Of clean classes given the other sites of (B, S) codes at a level, and the bounds: (B, S, K) float64."""
        z, level = z.to(self.device), torch.tensor(t, device=self.device)
        if bounds is None:
            return self.denoiser(z, level).cpu().double()
        return self._conditional_logits(z, level, bounds, strengths).cpu().double()

    def _conditional_logits(self, z: Tensor, level: Tensor, bounds: np.ndarray, strengths: np.ndarray | None) -> Tensor:
        strengths = np.ones(len(bounds)) if strengths is None else strengths
        every = torch.from_numpy(np.asarray(bounds, dtype=np.float32)).to(z.device)
        given = [c for c in range(len(bounds)) if np.isfinite(bounds[c]).any() and strengths[c] != 1]
        full = logits = self.denoiser(z, level, every[None])
        for c in given:
            open_ended = every.clone()
            open_ended[c] = torch.tensor([-torch.inf, torch.inf])
            without = self.denoiser(z, level, open_ended[None])
            # Classes that a site lacks are -inf in both.
            logits = logits + (strengths[c] - 1) * torch.nan_to_num(full - without, nan=0.0)
        return logits
