"""Bounds on metrics as conditions: their input into a network, and random ones to train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor, nn

from bonag.scores import FARTHEST, ScoreMap

FREQUENCIES = (0.25, 0.5, 1.0, 2.0)
GRID = 257


def quantiles_of(values: np.ndarray) -> np.ndarray:
    """What a trained generator keeps of a sample (n,) of a metric over the space: (Q,) quantiles at even levels."""
    return np.quantile(np.asarray(values, dtype=np.float64), np.linspace(0, 1, GRID))


def normal_scores(quantiles: np.ndarray, values: np.ndarray | float) -> np.ndarray:
    """Values in a metric's unit as normal scores over the space, the same for accuracies, milliseconds and parameters.

    Infinite values stay so; others end at ``FARTHEST``, beyond which the (Q,) quantiles say nothing.
    """
    scores = ScoreMap.of_quantiles(quantiles).to_scores(values)
    return np.where(np.isinf(values), values, np.clip(scores, -FARTHEST, FARTHEST))


class BoundsCode(nn.Module):
    """(B, C, 2) bounds on C metrics, in normal scores -> (B, width).

    An infinite bound is open. A metric with both ends open is not conditioned: it is coded by its own learned null
    token. Real numbers enter through sines and cosines, so that a network trained on random bounds takes any.
    """

    def __init__(self, conditions: int, width: int) -> None:
        super().__init__()
        self.null = nn.Parameter(torch.randn(conditions, width) * 0.02)
        features = 2 * (2 + 2 * len(FREQUENCIES))
        self.embed = nn.ModuleList(nn.Linear(features, width) for _ in range(conditions))
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, bounds: Tensor | None, count: int) -> Tensor:
        """None stands for no condition at all."""
        if bounds is None:
            return self.mix(self.null.sum(dim=0)).expand(count, -1)
        given = torch.isfinite(bounds)
        value = torch.where(given, bounds, 0.0).float()
        angles = value[..., None] * value.new_tensor(FREQUENCIES) * torch.pi
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1) * given[..., None]
        features = torch.cat([value[..., None], given[..., None].float(), waves], dim=-1).flatten(2)
        coded = torch.stack([embed(features[:, c]) for c, embed in enumerate(self.embed)], dim=1)
        chosen = torch.where(given.any(dim=-1)[..., None], coded, self.null)
        return self.mix(chosen.sum(dim=1))


@dataclass(frozen=True)
class RandomBounds:
    """Random bounds, and random members of a pool that meet them: what a conditional generator is trained on.

    scores: (n, C) normal scores of the pool's members. Since members are drawn uniformly among *all* that meet the
    bounds, the network learns p(x | bounds) and not what lies close to them.
    """

    scores: np.ndarray
    null: float = 0.1
    fewest: int = 16
    tries: int = 20

    def draw(self, sets: int, each: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """``sets`` times bounds, with ``each`` members of the pool that meet them.

        Returns rows of the pool (sets * each,) and bounds (sets * each, C, 2). A share ``null`` has no bound at all.
        """
        rows, bounds = zip(*(self._one(each, rng) for _ in range(sets)), strict=True)
        return np.concatenate(rows), np.repeat(np.stack(bounds), each, axis=0)

    def _one(self, each: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        count, metrics = self.scores.shape
        if rng.random() >= self.null:
            for _ in range(self.tries):
                bounds = np.stack([_random_interval(rng) for _ in range(metrics)])
                meets = np.flatnonzero(((self.scores >= bounds[:, 0]) & (self.scores <= bounds[:, 1])).all(axis=1))
                if len(meets) >= self.fewest:
                    return rng.choice(meets, each), bounds
        return rng.integers(count, size=each), np.tile([-np.inf, np.inf], (metrics, 1))


def _random_interval(rng: np.random.Generator) -> Sequence[float]:
    """Open, at least, at most, or between; the share of the space inside is log-uniform, down to half a percent."""
    kind = rng.random()
    if kind < 0.4:
        return -np.inf, np.inf
    share = np.exp(rng.uniform(np.log(0.005), 0.0))
    if kind < 0.65:
        return ndtri(1 - share), np.inf
    if kind < 0.9:
        return -np.inf, ndtri(share)
    low = rng.uniform(0, 1 - share)
    return ndtri(low), ndtri(low + share)
