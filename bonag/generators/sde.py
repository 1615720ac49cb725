"""The diffusions of score-based models: x_t = alpha(t) x_0 + sigma(t) noise at levels t in [0, 1]."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


class SDE(ABC):
    """dx = f(t) x dt + g(t) dw, of which q(x_t | x_0) = N(alpha(t) x_0, sigma(t)^2 I) is known in closed form.

    All methods take levels of any shape and answer in the same shape. ``last_level`` is where sampling stops and
    below which nothing is trained; the signal-to-noise ratio is finite there.
    """

    last_level: float

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """How much of the clean x is left."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """The standard deviation of the noise."""

    @abstractmethod
    def drift(self, t: Tensor) -> Tensor:
        """f(t)."""

    @abstractmethod
    def diffusion(self, t: Tensor) -> Tensor:
        """g(t)."""

    @abstractmethod
    def level(self, log_snr: Tensor) -> Tensor:
        """The inverse of ``log_snr``."""

    def log_snr(self, t: Tensor) -> Tensor:
        """lambda(t) = log(alpha(t) / sigma(t)), which falls with t (Lu et al., 2022, DPM-Solver, section 3)."""
        return self.alpha(t).log() - self.sigma(t).log()

    @property
    def prior_std(self) -> float:
        """The standard deviation of the noise at t = 1, where sampling starts from N(0, prior_std^2 I)."""
        return float(self.sigma(torch.ones((), dtype=torch.float64)))

    def random_levels(
        self, n: int, generator: torch.Generator, ratios: tuple[float, float] = (0.0, math.inf)
    ) -> Tensor:
        """(n,) levels whose log-SNR is uniform between its ends, one in each n-th of the range, in random order.

        Stratified so that a batch holds all noise levels alike (Kingma et al., 2021, appendix I.1). ratios: the range
        of sigma / alpha, by default from the last level to 1.
        """
        place = (torch.randperm(n, generator=generator) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
        first, last = self.log_snr(torch.tensor([1.0, self.last_level], dtype=torch.float64)).tolist()
        low, high = ratios
        first = first if math.isinf(high) else max(first, -math.log(high))
        last = last if low == 0 else min(last, -math.log(low))
        return self.level(first + place * (last - first)).float()


@dataclass(frozen=True)
class VE(SDE):
    """Variance exploding: alpha = 1, sigma(t) = sigma_min (sigma_max / sigma_min)^t.

    Song et al. (2021), equations 9 and 30: f = 0, g(t) = sigma(t) sqrt(2 log(sigma_max / sigma_min)).
    """

    sigma_min: float = 0.2
    sigma_max: float = 20.0
    last_level: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max:
            raise ValueError(f"it must be that 0 < sigma_min < sigma_max, not {self.sigma_min} and {self.sigma_max}")
        _check_last(self.last_level, lowest=0.0)

    @property
    def _growth(self) -> float:
        return math.log(self.sigma_max / self.sigma_min)

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_min * torch.exp(self._growth * t)

    def drift(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def diffusion(self, t: Tensor) -> Tensor:
        return self.sigma(t) * math.sqrt(2 * self._growth)

    def level(self, log_snr: Tensor) -> Tensor:
        return (-log_snr - math.log(self.sigma_min)) / self._growth


@dataclass(frozen=True)
class _LinearRate(SDE):
    """f(t) = -beta(t) / 2 with beta(t) = beta_min + t (beta_max - beta_min), whose integral from 0 is B(t)."""

    beta_min: float = 0.1
    beta_max: float = 20.0
    last_level: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 < self.beta_min < self.beta_max:
            raise ValueError(f"it must be that 0 < beta_min < beta_max, not {self.beta_min} and {self.beta_max}")
        # There is no noise at all at t = 0.
        _check_last(self.last_level, lowest=1e-6)

    def _beta(self, t: Tensor) -> Tensor:
        return self.beta_min + t * (self.beta_max - self.beta_min)

    def _integral(self, t: Tensor) -> Tensor:
        return self.beta_min * t + (self.beta_max - self.beta_min) * t**2 / 2

    def _level_of_integral(self, integral: Tensor) -> Tensor:
        root = torch.sqrt(self.beta_min**2 + 2 * (self.beta_max - self.beta_min) * integral)
        return 2 * integral / (self.beta_min + root)

    def alpha(self, t: Tensor) -> Tensor:
        return torch.exp(-self._integral(t) / 2)

    def drift(self, t: Tensor) -> Tensor:
        return -self._beta(t) / 2


@dataclass(frozen=True)
class VP(_LinearRate):
    """Variance preserving: alpha^2 = exp(-B(t)), sigma^2 = 1 - exp(-B(t)).

    Song et al. (2021), equations 11 and 33: f = -beta / 2, g = sqrt(beta).
    """

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sqrt(-torch.expm1(-self._integral(t)))

    def diffusion(self, t: Tensor) -> Tensor:
        return torch.sqrt(self._beta(t))

    def level(self, log_snr: Tensor) -> Tensor:
        # alpha^2 = 1 / (1 + exp(-2 lambda)), and B = -log alpha^2.
        return self._level_of_integral(torch.nn.functional.softplus(-2 * log_snr))


@dataclass(frozen=True)
class SubVP(_LinearRate):
    """Less than variance preserving: alpha^2 = exp(-B(t)), sigma = 1 - exp(-B(t)).

    Song et al. (2021), equations 12 and 29: f = -beta / 2, g^2 = beta (1 - exp(-2 B(t))).
    """

    def sigma(self, t: Tensor) -> Tensor:
        return -torch.expm1(-self._integral(t))

    def diffusion(self, t: Tensor) -> Tensor:
        return torch.sqrt(-self._beta(t) * torch.expm1(-2 * self._integral(t)))

    def level(self, log_snr: Tensor) -> Tensor:
        # sigma / alpha = (1 - alpha^2) / alpha = 2 sinh(B / 2).
        return self._level_of_integral(2 * torch.asinh(torch.exp(-log_snr) / 2))


def _check_last(level: float, lowest: float) -> None:
    if not lowest <= level < 1:
        raise ValueError(f"last_level must be at least {lowest:g} and less than 1, not {level}")
