"""Expected improvement on one number, as a logarithm that never vanishes."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def log_h(u: Tensor) -> Tensor:
    """log(phi(u) + u Phi(u)), of which sigma times the exponential at u = (mu - best) / sigma is expected improvement.

    Ament et al. (2023), "Unexpected Improvements to Expected Improvement for Bayesian Optimization", equation 9.
    """
    near = u.clamp_min(-1)
    density = torch.exp(-(near**2) / 2) / math.sqrt(2 * math.pi)
    # Far below the best the two terms cancel; their ratio is 1 - |u| Phi / phi, of which 1 / u^2 is left in the end.
    far = -u.clamp_max(-1)
    ratio = far * math.sqrt(math.pi / 2) * torch.special.erfcx(far / math.sqrt(2))
    rest = torch.where(far < 1e4, torch.log1p(-ratio), -2 * far.log())
    tail = -(far**2) / 2 - 0.5 * math.log(2 * math.pi) + rest
    return torch.where(u > -1, (density + near * torch.special.ndtr(near)).log(), tail)


def log_expected_improvement(mean: Tensor, spread: Tensor, best: Tensor | float) -> Tensor:
    """log E[max(Y - best, 0)] of Gaussians with these means and standard deviations, of any shape."""
    return log_h((mean - best) / spread) + spread.log()
