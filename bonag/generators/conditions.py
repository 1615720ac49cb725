"""Bounds on metrics as the input of a network: any number of conditions, each with a token for "none"."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FREQUENCIES = (0.25, 0.5, 1.0, 2.0)


class BoundsCode(nn.Module):
    """(B, C, 2) bounds on C metrics, in normal scores -> (B, width).

    An infinite bound is open. A metric with both ends open is not conditioned: it is coded by its own learned null
    token. Real numbers enter through sines and cosines, so that a network trained on random bounds takes any.
    """

    def __init__(self, conditions: int, width: int) -> None:
        super().__init__()
        self.conditions = conditions
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
