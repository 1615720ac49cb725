"""The graph diffusion generator of a space, unguided and guided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.special import ndtri
from scipy.stats import rankdata
from torch import Tensor

from bonag.generators.denoiser import Denoiser
from bonag.generators.diffusion import Transition, draw
from search_spaces import Architecture, SearchSpace

# Scores of (B, S) codes, larger is better: (B,).
Guidance = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class GuidedSampling:
    """How a guided sample is drawn.

    particles: graphs that are denoised side by side. steps: noise levels, from 1 down to ``last_level``.
    strength: dimensionless; how strongly good graphs are preferred, in standard deviations of a normal score.
    elites: best graphs so far that compete with the particles at every step.
    """

    particles: int = 128
    steps: int = 14
    last_level: float = 0.12
    strength: float = 2.5
    elites: int = 32


@dataclass(frozen=True)
class DiffusionGenerator:
    """A trained discrete diffusion model of a space; every architecture that leaves it is valid."""

    space: SearchSpace
    denoiser: Denoiser
    transition: Transition

    def sample(self, n: int, rng: np.random.Generator, steps: int = 20) -> list[Architecture]:
        """n unguided samples, by ancestral sampling over ``steps`` noise levels, projected onto the space."""
        return self._projected(self.raw_sample(n, rng, steps))

    @torch.no_grad()
    def raw_sample(self, n: int, rng: np.random.Generator, steps: int = 20) -> np.ndarray:
        """As ``sample``, before the projection: (n, S) codes."""
        generator = _torch_generator(rng)
        levels = np.linspace(1, 0, steps + 1)
        z = self.transition.prior(n, generator)
        for t, s in pairwise(levels):
            x = draw(self.clean_probabilities(z, float(t)), generator)
            z = draw(self.transition.posterior(z, x, float(s), float(t)), generator)
        return z.numpy()

    @torch.no_grad()
    def guided_sample(
        self,
        guidance: Guidance,
        rng: np.random.Generator,
        starts: np.ndarray | None = None,
        settings: GuidedSampling | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sample with the guidance, by re-weighting the denoised particles at every noise level.

        At each level the denoiser proposes a clean graph per particle, which is projected onto the space and scored
        exactly; particles and elites are resampled in proportion to exp(strength * normal score), and noised again to
        the next lower level. Since graphs are compared by rank, any increasing transformation of the guidance gives
        the same samples.

        guidance: scores (B, S) codes. starts: (K, N) valid operations that compete from the second level on.
        Returns all distinct graphs that were scored, best first: (M, S) codes and (M,) scores.
        """
        settings = settings or GuidedSampling()
        generator = _torch_generator(rng)
        levels = np.geomspace(1.0, settings.last_level, settings.steps)
        z = self.transition.prior(settings.particles, generator)
        pool = np.empty((0, self.space.num_sites), dtype=np.int64) if starts is None else np.unique(starts, axis=0)
        scores = guidance(pool) if len(pool) else np.empty(0)
        for number, t in enumerate(levels):
            x = self._projected_ops(draw(self.clean_probabilities(z, float(t)), generator).numpy())
            pool, scores, fresh = _merge(pool, scores, x, guidance)
            if number + 1 == len(levels):
                break
            best = np.argsort(-scores, kind="stable")[: settings.elites]
            parents = np.unique(np.concatenate([fresh, best]))
            weights = np.exp(settings.strength * _normal_scores(scores[parents]))
            chosen = parents[_systematic(weights, settings.particles, generator)]
            z = self.transition.noised(torch.from_numpy(pool[chosen]), float(levels[number + 1]), generator)
        order = np.argsort(-scores, kind="stable")
        return pool[order], scores[order]

    def clean_probabilities(self, z: Tensor, t: float) -> Tensor:
        """In proportion to p(x | z_t): (B, N) noisy operations -> (B, N, V).

        Operations that a node can never have get exactly 0, so rows may sum to a little less than 1.
        """
        device = self.denoiser.position.device
        logits = self.denoiser(z.to(device), torch.full((len(z),), t, device=device)).cpu().double()
        return logits.softmax(dim=-1) * (self.transition.marginals > 0)

    def _projected(self, codes: np.ndarray) -> list[Architecture]:
        return self.space.project(np.eye(self.space.site_classes.max())[codes])

    def _projected_ops(self, ops: np.ndarray) -> np.ndarray:
        return self.space.codes(self._projected(ops))


def _merge(
    pool: np.ndarray, scores: np.ndarray, x: np.ndarray, guidance: Guidance
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add the graphs that are new to the pool; returns the pool, its scores, and where the graphs of x stand in it."""
    place = {row.tobytes(): index for index, row in enumerate(pool)}
    found = []
    new = []
    for row in np.ascontiguousarray(x):
        key = row.tobytes()
        if key not in place:
            place[key] = len(place)
            new.append(row)
        found.append(place[key])
    if new:
        added = np.stack(new)
        pool, scores = np.concatenate([pool, added]), np.concatenate([scores, guidance(added)])
    return pool, scores, np.unique(found)


def _normal_scores(values: np.ndarray) -> np.ndarray:
    return ndtri((rankdata(values) - 0.5) / len(values))


def _systematic(weights: np.ndarray, n: int, generator: torch.Generator) -> np.ndarray:
    """n indices in proportion to the weights, by systematic resampling."""
    offset = float(torch.rand((), generator=generator, dtype=torch.float64))
    cumulative = np.cumsum(weights / weights.sum())
    return np.minimum(np.searchsorted(cumulative, (np.arange(n) + offset) / n), len(weights) - 1)


def _torch_generator(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**63 - 1)))
