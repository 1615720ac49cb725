"""Guidance without gradients: particles that are denoised side by side and resampled by their exact scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from bonag.generators.diffusion import Transition, draw
from bonag.generators.trained import Score

LEAST_RISE = 0.02
# No reward is worse: of infinite ones, differences would be no numbers.
LEAST = -1e6


class Clean(Protocol):
    """What is known of codes through their noise."""

    def __call__(self, z: Tensor, t: float) -> Tensor:
        """Probabilities of the clean classes, (B, S, K), of (B, S) noisy codes at a level."""
        ...


# p(x_i | x_j for j != i) of clean codes (B, S): (B, S, K).
Others = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Resampling:
    """Sequential Monte Carlo for p(x) exp(log_reward(x)), by annealing (Del Moral et al., 2006).

    Particles start as unguided samples. The reward's weight, or that of each of its summands in turn, then rises from 0
    to 1, each time as far as the effective number of particles allows; they are resampled, and moved: one site of each
    is drawn anew given the others, as the denoiser knows it, which leaves p(x) as it is however sites depend on each
    other, and the result is accepted with probability min(1, ratio of the rewards), as in Metropolis and Hastings. For
    many particles the samples are exact, whatever the reward is; it is asked of clean graphs only.

    particles: per sample that is returned. steps: noise levels of the start. threshold: the effective share of the
    particles that a rise of the weight leaves. moves: after each rise. last_moves: after the last one, on top.
    """

    particles: int = 1
    steps: int = 8
    threshold: float = 0.5
    moves: int = 3
    last_moves: int = 8

    def sample(
        self,
        n: int,
        transition: Transition,
        clean: Clean,
        others: Others,
        log_rewards: Sequence[Score],
        generator: torch.Generator,
    ) -> np.ndarray:
        """n draws from the final population: (n, S) codes."""
        count = n * self.particles
        x = transition.prior(count, generator)
        for t, s in pairwise(np.linspace(1, 0, self.steps + 1).tolist()):
            denoised = draw(clean(x, t), generator)
            x = draw(transition.posterior(x, denoised, s, t), generator)
        free, every = transition.free.nonzero()[:, 0], torch.arange(count)
        settled = np.zeros(count)
        for number, reward in enumerate(log_rewards):
            rewards, weight = _rewards(x, reward), 0.0
            last = number + 1 == len(log_rewards)
            while weight < 1:
                rise = self._rise(rewards, 1 - weight)
                weight += rise
                kept = _systematic(np.exp(rise * (rewards - rewards.max())), count, generator)
                x, rewards, settled = x[kept], rewards[kept], settled[kept]
                for _ in range(self.moves + (self.last_moves if last and weight >= 1 else 0)):
                    site = free[torch.randint(len(free), (count,), generator=generator)]
                    proposed = x.clone()
                    proposed[every, site] = draw(_of_distinct(x, others)[every, site], generator)
                    scores = _rewards(proposed, reward)
                    before = sum((_rewards(proposed, earlier) for earlier in log_rewards[:number]), np.zeros(count))
                    uniform = torch.rand(count, generator=generator, dtype=torch.float64).numpy()
                    accepted = np.log(uniform) < weight * (scores - rewards) + before - settled
                    x = torch.where(torch.from_numpy(accepted)[:, None], proposed, x)
                    rewards, settled = np.where(accepted, scores, rewards), np.where(accepted, before, settled)
            settled = settled + rewards
        return x[torch.randperm(count, generator=generator)[:n]].numpy()

    def _rise(self, rewards: np.ndarray, most: float) -> float:
        """The largest rise of the weight up to ``most`` that leaves the effective share of the particles."""
        enough = self.threshold * len(rewards)
        if _effective(most * rewards) >= enough:
            return most
        low, high = 0.0, most
        for _ in range(20):
            middle = (low + high) / 2
            low, high = (middle, high) if _effective(middle * rewards) >= enough else (low, middle)
        # Where hardly any particle has a reward at all, no rise leaves enough of them.
        return min(max(low, LEAST_RISE), most)


@dataclass(frozen=True)
class ParticleSearch:
    """A search for the graphs that the guidance scores highest, by recombining, noising and denoising the best ones.

    At each noise level, every particle takes each site from one or the other of two graphs that are drawn from the
    elites, is noised to that level, and replaced by a clean graph that the denoiser proposes for it; that is projected
    onto the space and scored exactly. Elites are the best graphs so far. Since graphs are compared by their order
    alone, any increasing transformation of the guidance gives the same samples.

    particles: graphs that are denoised side by side. steps: noise levels, from ``first_level`` down to ``last_level``;
    without graphs to start from, the first is 1.
    """

    particles: int = 128
    steps: int = 12
    first_level: float = 0.35
    last_level: float = 0.06
    elites: int = 16

    def run(
        self,
        transition: Transition,
        clean: Clean,
        project: Callable[[np.ndarray], np.ndarray],
        guidance: Score,
        starts: np.ndarray,
        generator: torch.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """All distinct graphs that were scored, best first: (M, S) codes and (M,) scores. starts: (K, S) codes."""
        pool = np.unique(starts, axis=0) if len(starts) else starts
        scores = guidance(pool) if len(pool) else np.empty(0)
        known = set(_keys(pool))
        for t in np.geomspace(self.first_level, self.last_level, self.steps).tolist():
            if len(pool):
                elites = torch.from_numpy(pool[np.argsort(-scores, kind="stable")[: self.elites]])
                z = transition.noised(_recombine(elites, self.particles, generator), t, generator)
            else:
                t = 1.0
                z = transition.prior(self.particles, generator)
            x = _unknown(draw(_of_distinct(z, partial(clean, t=t)), generator).numpy(), known)
            new = _unknown(project(x), known) if len(x) else x
            if len(new):
                known.update(_keys(new))
                pool, scores = np.concatenate([pool, new]), np.concatenate([scores, guidance(new)])
        order = np.argsort(-scores, kind="stable")
        return pool[order], scores[order]


def distinct_scores(codes: np.ndarray, score: Score) -> np.ndarray:
    """The scores of (B, S) codes, each distinct one scored once."""
    rows, place = _distinct(codes)
    return score(rows)[place]


def _of_distinct(codes: Tensor, network: Callable[[Tensor], Tensor]) -> Tensor:
    """What a network says of (B, S) codes, each distinct one asked about once: (B, ...)."""
    rows, place = _distinct(codes.numpy())
    return network(torch.from_numpy(rows))[place]


def _distinct(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of (B, S) codes, (D, S), and which of them each row is, (B,)."""
    rows, place = np.unique(codes, axis=0, return_inverse=True)
    return rows, place.reshape(-1)


def _unknown(codes: np.ndarray, known: set[bytes]) -> np.ndarray:
    """The distinct rows of (B, S) codes, in order, without those that are known."""
    first: dict[bytes, int] = {}
    for place, row in enumerate(_keys(codes)):
        if row not in known:
            first.setdefault(row, place)
    return codes[list(first.values())]


def _keys(codes: np.ndarray) -> list[bytes]:
    """The rows of (B, S) codes, S > 0, as bytes."""
    rows = np.ascontiguousarray(codes)
    return list(rows.view(f"V{rows.itemsize * rows.shape[1]}")[:, 0].tolist())


def _rewards(codes: Tensor, log_reward: Score) -> np.ndarray:
    return np.maximum(distinct_scores(codes.numpy(), log_reward), LEAST)


def _recombine(parents: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n children of two parents each, which give them every site with equal chances: (K, S) -> (n, S)."""
    first, second = parents[torch.randint(len(parents), (2, n), generator=generator)]
    return torch.where(torch.rand(first.shape, generator=generator) < 0.5, first, second)


def _effective(log_weights: np.ndarray) -> float:
    """The effective number of particles, between 1 and all."""
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())


def _systematic(weights: np.ndarray, n: int, generator: torch.Generator) -> np.ndarray:
    """n indices in proportion to the weights, by systematic resampling."""
    offset = float(torch.rand((), generator=generator, dtype=torch.float64))
    cumulative = np.cumsum(weights / weights.sum())
    return np.minimum(np.searchsorted(cumulative, (np.arange(n) + offset) / n), len(weights) - 1)
