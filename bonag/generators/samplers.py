"""From noise to samples of a score-based model, in terms of the posterior mean E[x_0 | x_t] of the clean x.

By Tweedie's formula the score is (alpha E[x_0 | x_t] - x_t) / sigma^2, so everything is said with the mean. It works
on rows of any shape, and a row never looks at another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from bonag.generators.sde import SDE
from bonag.generators.trained import Potential

# E[x_0 | x_t] of rows x (B, ...) at their levels (B,): (B, ...).
Mean = Callable[[Tensor, Tensor], Tensor]
# Standard normal numbers for all rows, new ones at every call: (B, ...).
Noise = Callable[[], Tensor]
# (mean, sde, x at the first level, falling levels, noise) -> samples in the shape of x.
Sampler = Callable[[Mean, SDE, Tensor, Sequence[float], Noise], Tensor]

LANGEVIN_SNR = 0.16


def log_snr_levels(sde: SDE, steps: int) -> list[float]:
    """``steps`` levels from 1 down to the last, even in log-SNR (Lu et al., 2022, DPM-Solver, section 3.4)."""
    first, last = _ends(sde, steps).tolist()
    return _pin_ends(sde, sde.level(torch.linspace(first, last, steps, dtype=torch.float64)))


def dpm_solver(mean: Mean, sde: SDE, x: Tensor, levels: Sequence[float], noise: Noise) -> Tensor:
    """DPM-Solver++(2M) (Lu et al., 2022, arXiv 2211.01095, algorithm 2): one mean per level, and no further noise.

    Over h = lambda_s - lambda_t, x_s = (sigma_s / sigma_t) x_t - alpha_s (exp(-h) - 1) D with D extrapolated from
    the last two means; the way from the last level to no noise at all is of first order, which is its mean.
    """
    alpha, sigma, log_snr = _schedule(sde, levels)
    now, before, last_h = _mean_at(mean, x, levels[0]), None, 0.0
    for number in range(1, len(levels)):
        h = log_snr[number] - log_snr[number - 1]
        ahead = now if before is None else now + (now - before) * (h / (2 * last_h))
        x = (sigma[number] / sigma[number - 1]) * x - alpha[number] * float(np.expm1(-h)) * ahead
        now, before, last_h = _mean_at(mean, x, levels[number]), now, h
    return now


def heun(mean: Mean, sde: SDE, x: Tensor, levels: Sequence[float], noise: Noise) -> Tensor:
    """The probability-flow ODE (Song et al., 2021, equation 13) by Heun's method; two means per level.

    In y = x / alpha and s = sigma / alpha that ODE is dy/ds = (y - E[x_0 | x_t]) / s for every SDE (Karras et al.,
    2022, equations 1 and 4, algorithm 1).
    """
    alpha, sigma, _ = _schedule(sde, levels)
    y = x / alpha[0]
    for number in range(1, len(levels)):
        t, s = sigma[number - 1] / alpha[number - 1], sigma[number] / alpha[number]
        slope = (y - _mean_at(mean, alpha[number - 1] * y, levels[number - 1])) / t
        ahead = y + (s - t) * slope
        slope_ahead = (ahead - _mean_at(mean, alpha[number] * ahead, levels[number])) / s
        y = y + (s - t) * (slope + slope_ahead) / 2
    return _mean_at(mean, alpha[-1] * y, levels[-1])


def predictor_corrector(
    mean: Mean,
    sde: SDE,
    x: Tensor,
    levels: Sequence[float],
    noise: Noise,
    predict: Callable[[Mean, SDE, Tensor, float, float, Noise], Tensor] | None = None,
    snr: float = LANGEVIN_SNR,
) -> Tensor:
    """A step of the reverse-time SDE to each next level, and a Langevin step there (Song et al., 2021, algorithm 1).

    predict: ``ancestral_step`` (the default) or ``euler_step``. snr: the size of the Langevin steps, 0 for none.
    Two means per level.
    """
    predict = predict or ancestral_step
    for t, s in pairwise(levels):
        x = predict(mean, sde, x, t, s, noise)
        if snr:
            x = langevin_step(mean, sde, x, s, noise, snr)
    return _mean_at(mean, x, levels[-1])


def ancestral_step(mean: Mean, sde: SDE, x: Tensor, t: float, s: float, noise: Noise) -> Tensor:
    """A draw from q(x_s | x_t, x_0 = E[x_0 | x_t]), s < t (Kingma et al., 2021, equations 25 and 31).

    Its error is that of one mean for the whole step, and none is made in the drift and the diffusion.
    """
    (alpha_t, alpha_s), (sigma_t, sigma_s), _ = _schedule(sde, [t, s])
    kept = alpha_t / alpha_s
    # The variance of x_t given x_s.
    between = sigma_t**2 - (kept * sigma_s) ** 2
    centre = (kept * sigma_s**2 * x + alpha_s * between * _mean_at(mean, x, t)) / sigma_t**2
    return centre + between**0.5 * sigma_s / sigma_t * noise()


def euler_step(mean: Mean, sde: SDE, x: Tensor, t: float, s: float, noise: Noise) -> Tensor:
    """Euler and Maruyama's step of dx = (f x - g^2 score) dt + g dw backwards from t to s (Song et al., equation 6)."""
    level = torch.tensor(t, dtype=torch.float64)
    f, g = float(sde.drift(level)), float(sde.diffusion(level))
    return x + (t - s) * (g**2 * _score(mean, sde, x, t) - f * x) + g * (t - s) ** 0.5 * noise()


def langevin_step(mean: Mean, sde: SDE, x: Tensor, t: float, noise: Noise, snr: float) -> Tensor:
    """x + e score + sqrt(2 e) noise with e = 2 (snr sigma)^2 (Song et al., 2021, algorithms 4 and 5).

    Those set e from |noise| / |score| over the batch. Where x_t is mostly noise that ratio is sigma, which is used here
    instead, so that rows do not depend on each other.
    """
    _, (sigma,), _ = _schedule(sde, [t])
    size = 2 * (snr * sigma) ** 2
    return x + size * _score(mean, sde, x, t) + (2 * size) ** 0.5 * noise()


SAMPLERS: dict[str, Sampler] = {"dpm": dpm_solver, "heun": heun, "pc": predictor_corrector}


def guided(mean: Mean, sde: SDE, potential: Potential, strength: float) -> Mean:
    """E[x_0 | x_t, wish] where the potential is log p(wish | x_t): mean + strength sigma^2 / alpha grad potential.

    That adds strength times the potential's gradient to the score (Song et al., 2021, equation 14; Dhariwal and Nichol,
    2021, section 4). strength: 1 is Bayes' rule, 0 no guidance. The mean raises ValueError where the gradient is not
    finite, which would otherwise go unnoticed in codes.
    """

    def tilted(x: Tensor, t: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(potential(leaf, t).sum(), leaf)
        if not gradient.isfinite().all():
            raise ValueError(f"the gradient of the potential is not finite at level {t[0].item():.3g}")
        scale = strength * sde.sigma(t) ** 2 / sde.alpha(t)
        return mean(x, t) + over_rows(scale, x) * gradient

    return tilted


def over_rows(values: Tensor, x: Tensor) -> Tensor:
    """(B,) values in the type of x (B, ...), shaped to be multiplied with its rows."""
    return values.to(x).reshape(-1, *[1] * (x.dim() - 1))


def _mean_at(mean: Mean, x: Tensor, t: float) -> Tensor:
    return mean(x, torch.full((len(x),), t, dtype=x.dtype, device=x.device))


def _score(mean: Mean, sde: SDE, x: Tensor, t: float) -> Tensor:
    (alpha,), (sigma,), _ = _schedule(sde, [t])
    return (alpha * _mean_at(mean, x, t) - x) / sigma**2


def _schedule(sde: SDE, levels: Sequence[float]) -> tuple[list[float], list[float], list[float]]:
    """alpha, sigma and log-SNR of every level."""
    t = torch.tensor(levels, dtype=torch.float64)
    return sde.alpha(t).tolist(), sde.sigma(t).tolist(), sde.log_snr(t).tolist()


def _ends(sde: SDE, steps: int) -> Tensor:
    if steps < 2:
        raise ValueError(f"sampling takes at least 2 steps, not {steps}")
    return sde.log_snr(torch.tensor([1.0, sde.last_level], dtype=torch.float64))


def _pin_ends(sde: SDE, levels: Tensor) -> list[float]:
    """Without the rounding at both ends."""
    return [1.0, *levels[1:-1].tolist(), sde.last_level]
