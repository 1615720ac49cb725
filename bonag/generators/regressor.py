"""A predictor of metrics from noisy graphs, with its uncertainty: the gradient guidance of both diffusions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from bonag.generators.denoiser import sinusoid
from bonag.generators.fitting import Schedule, fit_network
from search_spaces import SearchSpace

# Means and variances of metrics of clean codes (n, S): (n, M) each.
Posterior = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
# Codes (B, S) noised to levels (B,), as a network sees them: (B, S) codes or (B, S, K) real.
Noised = Callable[[Tensor, Tensor, torch.Generator], Tensor]

# In standard deviations of the metric over the unlabelled codes; no noisy graph is predicted better than that.
LEAST_SPREAD = 0.02
LEVEL_WIDTH = 64


class NoisyRegressor(nn.Module):
    """p(metrics | x_t) as independent normal distributions, for any level t of noise.

    A linear model of the classes of all sites, weighted by the level, and a residual network that corrects it. The
    first alone is exact for the mean of metrics that add up over sites. The second is no transformer, since it sees
    every site at a fixed place: it learns how two sites act together in seconds, and its gradients are cheap.

    space: of the codes. metrics: their number M. width, layers: the residual network's.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, space: SearchSpace, metrics: int, width: int = 128, layers: int = 2) -> None:
        super().__init__()
        self.classes = int(space.site_classes.max())
        inputs = space.num_sites * self.classes
        self.linear, self.weight = nn.Linear(inputs, metrics), nn.Linear(LEVEL_WIDTH, metrics)
        self.into = nn.Linear(inputs, width)
        self.levels = nn.ModuleList(nn.Linear(LEVEL_WIDTH, width) for _ in range(layers))
        self.layers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(layers)
        )
        self.readout = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, 2 * metrics))
        self.register_buffer("centre", torch.zeros(metrics))
        self.register_buffer("spread", torch.ones(metrics))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.weight.weight)
        nn.init.ones_(self.weight.bias)

    def forward(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Means and standard deviations in the metrics' units, (B, M) each.

        x: (B, S) codes or a real (B, S, K) matrix in their one-hot form, as for the denoiser. t: (B,) levels.
        """
        mean, spread = self.standardised(x, t)
        return self.centre + self.spread * mean, self.spread * spread

    def standardised(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, in standard deviations of the metrics from their averages over the codes of the fit."""
        if x.dim() == 2:
            x = nn.functional.one_hot(x, self.classes).float()
        x, level = x.flatten(1), sinusoid(t, LEVEL_WIDTH)
        h = self.into(x)
        for layer, shift in zip(self.layers, self.levels, strict=True):
            h = h + layer(h + shift(level))
        correction, raw = self.readout(h).chunk(2, dim=-1)
        mean = self.linear(x) * self.weight(level) + correction
        return mean, LEAST_SPREAD + nn.functional.softplus(raw)


def fit_regressor(
    space: SearchSpace,
    posterior: Posterior,
    noised: Noised,
    codes: np.ndarray | None = None,
    steps: int = 1000,
    batch_size: int = 256,
    learning_rate: float = 5e-3,
    seed: int = 0,
) -> NoisyRegressor:
    """Fit a noisy regressor on what a predictor says of unlabelled codes, so that no label is needed besides its own.

    The loss is the expected Gaussian negative log-likelihood of a metric that is distributed as the predictor believes:
    log s + ((m - mean)^2 + variance) / (2 s^2), with m and s the regressor's.

    posterior: the predictor. noised: the diffusion. codes: (n, S) what to learn from; by default 8,192 uniform samples.
    """
    random = torch.Generator().manual_seed(seed)
    if codes is None:
        codes = space.codes(space.sample(8192, np.random.default_rng(seed)))
    mean, variance = (torch.tensor(part, dtype=torch.float64) for part in posterior(codes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        regressor = NoisyRegressor(space, mean.shape[1])
    spread = (mean.var(dim=0, correction=0) + variance.mean(dim=0)).sqrt().clamp_min(1e-12)
    regressor.centre.copy_(mean.mean(dim=0))
    regressor.spread.copy_(spread)
    mean, variance = ((mean - mean.mean(dim=0)) / spread).float(), (variance / spread**2).float()
    clean = torch.from_numpy(codes)

    def loss(step: int) -> Tensor:
        rows = torch.randint(len(clean), (batch_size,), generator=random)
        t = torch.rand(batch_size, generator=random)
        m, s = regressor.standardised(noised(clean[rows], t, random), t)
        return (s.log() + ((m - mean[rows]).square() + variance[rows]) / (2 * s.square())).mean()

    fit_network(regressor, loss, Schedule(steps, batch_size=batch_size, learning_rate=learning_rate, seed=seed))
    return regressor.requires_grad_(False)


def bound_log_likelihood(
    regressor: NoisyRegressor, bounds: np.ndarray, strengths: np.ndarray | None = None
) -> Callable[[Tensor, Tensor], Tensor]:
    """The potential log P(low <= metrics <= high | x_t), summed over the metrics: x, t (B,) -> (B,) float64.

    bounds: (M, 2) in the metrics' units, infinite where open; raises ValueError where low is not below high.
    strengths: (M,), how much each metric counts, by default 1.
    """
    if bounds.ndim != 2 or not (bounds[:, 0] < bounds[:, 1]).all():
        raise ValueError(f"a lower bound must be below its upper bound: {bounds.tolist()}")
    low, high = torch.tensor(bounds, dtype=torch.float64).T
    weights = torch.ones_like(low) if strengths is None else torch.tensor(strengths, dtype=torch.float64)

    def potential(x: Tensor, t: Tensor) -> Tensor:
        device = regressor.centre.device
        mean, spread = (part.double().to(x.device) for part in regressor(x.to(device), t.to(device)))
        ends = [_standardise(bound, mean, spread) for bound in (low, high)]
        return log_interval(*ends) @ weights

    return potential


def _standardise(bound: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """(bound - mean) / spread, whose gradient is 0, and not nan, where the bound is infinite."""
    infinite = torch.isinf(bound)
    return torch.where(infinite, bound, (torch.where(infinite, 0.0, bound) - mean) / spread)


def log_interval(a: Tensor, b: Tensor) -> Tensor:
    """log(Phi(b) - Phi(a)) of a standard normal for a < b, either infinite; accurate in value and gradient far out.

    Both in float64, of any one shape. The interval is first reflected into the lower tail, where Phi is accurate, and
    the difference is taken between logarithms.
    """
    flip = a + b > 0
    a, b = torch.where(flip, -b, a), torch.where(flip, -a, b)
    # An infinite end would make the gradient of the other one nan.
    upper = torch.special.log_ndtr(torch.where(torch.isinf(b), 0.0, b)).masked_fill(torch.isinf(b), 0.0)
    open_below = torch.isinf(a)
    gap = upper - torch.special.log_ndtr(torch.where(open_below, torch.where(torch.isinf(b), 0.0, b) - 1, a))
    return upper + _log1mexp(gap).masked_fill(open_below, 0.0)


def _log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(-x)) for x > 0 (Maechler, 2012)."""
    x = x.clamp_min(1e-300)
    small = x < math.log(2)
    near, far = torch.where(small, x, 1.0), torch.where(small, 1.0, x)
    return torch.where(small, torch.log(-torch.expm1(-near)), torch.log1p(-torch.exp(-far)))
