"""Discrete diffusion over the sites of a graph."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from search_spaces import SearchSpace


def signal(t: Tensor | float) -> Tensor:
    """The probability abar(t) that an operation is still the original one at noise level t in [0, 1].

    The cosine schedule of Nichol and Dhariwal (2021, equation 17), from 1 at t = 0 to 0 at t = 1.
    """
    level = torch.as_tensor(t, dtype=torch.float64)
    return torch.cos(level * math.pi / 2) ** 2


@dataclass(frozen=True)
class Transition:
    """Every site keeps its class with probability abar(t), else draws it anew from its own marginal.

    Q(t) = abar(t) I + (1 - abar(t)) 1 m^T, the marginal transition of DiGress (Vignac et al., 2023, section 4.1), with
    the marginal m taken per site: with nodes in topological order, the sites are distinguishable.

    marginals: (S, K) float64, rows sum to 1; a site whose class never varies keeps it at every noise level.
    """

    marginals: Tensor

    @staticmethod
    def of_sample(space: SearchSpace, codes: np.ndarray, uniform: bool = False) -> Transition:
        """The marginals of a sample of codes (n, S); ``uniform`` spreads each evenly over the classes it has."""
        marginals = np.eye(space.site_classes.max())[codes].mean(axis=0)
        if uniform:
            marginals = (marginals > 0) / (marginals > 0).sum(axis=1, keepdims=True)
        return Transition(torch.from_numpy(marginals))

    @property
    def free(self) -> Tensor:
        """(S,) bool: the sites whose class varies."""
        return (self.marginals > 0).sum(dim=1) > 1

    def noised(self, x: Tensor, t: Tensor | float, generator: torch.Generator) -> Tensor:
        """A draw from q(z_t | x): x (B, S) codes, t a level or (B,) levels -> (B, S)."""
        kept = torch.rand(x.shape, generator=generator, dtype=torch.float64) < signal(t).reshape(-1, 1)
        return torch.where(kept, x, self.prior(len(x), generator))

    def prior(self, n: int, generator: torch.Generator) -> Tensor:
        """n draws from q(z_1): (n, S)."""
        return torch.multinomial(self.marginals, n, replacement=True, generator=generator).T

    def log_likelihood(self, z: Tensor, t: Tensor | float) -> Tensor:
        """log q(z_i | x_i) for every class that x_i can have: z (B, S), t a level or (B,) -> (B, S, K).

        Classes that a site never has get -inf.
        """
        kept = torch.as_tensor(signal(t)).reshape(-1, 1, 1)
        if len(kept) == 1:
            # Of one level for all there are few different ones, which are looked up.
            eye = torch.eye(self.marginals.shape[1], dtype=torch.float64)
            found = (kept * eye + (1 - kept) * self.marginals[..., None]).log()
            return found.masked_fill(self.marginals[:, None] == 0, -torch.inf)[torch.arange(z.shape[1]), z]
        arrived = torch.gather(self.marginals.expand(len(z), -1, -1), 2, z[..., None])
        eye = torch.eye(self.marginals.shape[1], dtype=torch.float64)
        return (kept * eye[z] + (1 - kept) * arrived).log().masked_fill(self.marginals == 0, -torch.inf)

    def posterior(self, z: Tensor, x: Tensor, s: float, t: float) -> Tensor:
        """q(z_s | z_t, x) by Bayes, for s < t: z and x (B, S) -> (B, S, K) probabilities."""
        count = self.marginals.shape[1]
        abar_s, abar_t = signal(s), signal(t)
        step = abar_t / abar_s
        eye = torch.eye(count, dtype=torch.float64)
        forward = abar_s * eye[x] + (1 - abar_s) * self.marginals
        arrived = torch.gather(self.marginals.expand(len(z), -1, -1), 2, z[..., None])
        likelihood = step * eye[z] + (1 - step) * arrived
        joint = forward * likelihood
        return joint / joint.sum(dim=-1, keepdim=True)

    def reverse(self, z: Tensor, clean: Tensor, s: float, t: float) -> Tensor:
        """p(z_s | z_t), the posterior averaged over clean classes: clean (B, S, K) probabilities -> (B, S, K)."""
        abar_s, abar_t = signal(s), signal(t)
        step = abar_t / abar_s
        arrived = torch.gather(self.marginals.expand(len(z), -1, -1), 2, z[..., None])
        eye = torch.eye(self.marginals.shape[1], dtype=torch.float64)
        reached = abar_t * eye[z] + (1 - abar_t) * arrived
        weight = torch.where(clean > 0, clean / reached, 0.0)
        forward = abar_s * weight + (1 - abar_s) * self.marginals * weight.sum(dim=-1, keepdim=True)
        joint = forward * (step * eye[z] + (1 - step) * arrived)
        return joint / joint.sum(dim=-1, keepdim=True)


def draw(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """One categorical draw per row: (..., V) probabilities -> (...) indices."""
    uniform = torch.rand((*probabilities.shape[:-1], 1), generator=generator, dtype=torch.float64)
    cumulative = probabilities.double().cumsum(dim=-1)
    index = torch.searchsorted(cumulative, uniform * cumulative[..., -1:], right=True)[..., 0]
    return index.clamp_max(probabilities.shape[-1] - 1)
