"""Samplers against distributions whose posterior mean is known: a mixture of normals, and normals that are tilted."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm
from torch import Tensor

from bonag.generators.samplers import (
    SAMPLERS,
    Mean,
    Noise,
    Sampler,
    ancestral_step,
    euler_step,
    guided,
    log_snr_levels,
    over_rows,
    predictor_corrector,
)
from bonag.generators.sde import SDE, VE, VP, SubVP

# Two normals in one dimension.
WEIGHTS, CENTRES, SPREAD = torch.tensor([0.3, 0.7]), torch.tensor([-1.0, 0.5]), 0.25
SDES = {"ve": VE(0.01, 100.0), "vp": VP(), "subvp": SubVP(last_level=0.01)}
every_sde = pytest.mark.parametrize("sde", SDES.values(), ids=list(SDES))
# Far below what a wrong distribution would give, far above what bad luck does.
P_VALUE = 1e-3
ROWS = 4000


def mixture_mean(sde: SDE) -> Mean:
    """E[x_0 | x_t] of the mixture, for x (B, 1), by Bayes' rule for normals."""

    def mean(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = over_rows(sde.alpha(t.double()), x.double()), over_rows(sde.sigma(t.double()), x.double())
        variance = (alpha * SPREAD) ** 2 + sigma**2
        logits = WEIGHTS.log() - (x - alpha * CENTRES) ** 2 / (2 * variance)
        inside = CENTRES + alpha * SPREAD**2 / variance * (x - alpha * CENTRES)
        return (logits.softmax(dim=-1) * inside).sum(dim=-1, keepdim=True).to(x)

    return mean


def mixture_cdf(values: np.ndarray) -> np.ndarray:
    parts = [w * norm.cdf(values, c, SPREAD) for w, c in zip(WEIGHTS.tolist(), CENTRES.tolist(), strict=True)]
    return np.sum(parts, axis=0)


def normal_mean(sde: SDE, centre: float, spread: float) -> Mean:
    """E[x_0 | x_t] of N(centre, spread^2), in any dimension."""

    def mean(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = over_rows(sde.alpha(t), x), over_rows(sde.sigma(t), x)
        return centre + alpha * spread**2 / ((alpha * spread) ** 2 + sigma**2) * (x - alpha * centre)

    return mean


def normal(rows: int, seed: int = 0) -> Noise:
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(rows, 1, generator=generator)


def drawn(sampler: Sampler, mean: Mean, sde: SDE, levels: list[float], rows: int = ROWS, seed: int = 0) -> np.ndarray:
    noise = normal(rows, seed)
    return sampler(mean, sde, sde.prior_std * noise(), levels, noise).numpy()[:, 0]


@every_sde
@pytest.mark.parametrize(
    ("levels", "name", "steps"),
    [
        (log_snr_levels, "dpm", 40),
        (log_snr_levels, "heun", 40),
        (log_snr_levels, "pc", 120),
    ],
)
def test_every_sampler_recovers_the_mixture(sde: SDE, levels: object, name: str, steps: int) -> None:
    x = drawn(SAMPLERS[name], mixture_mean(sde), sde, levels(sde, steps))  # type: ignore[operator]
    assert kstest(x, mixture_cdf).pvalue > P_VALUE


@every_sde
def test_eulers_reverse_equation_recovers_the_mixture(sde: SDE) -> None:
    # Even in t, as published; it takes hundreds of steps where the others take tens.
    levels = np.linspace(1, sde.last_level, 300).tolist()
    sampler = partial(predictor_corrector, predict=euler_step, snr=0.0)
    assert kstest(drawn(sampler, mixture_mean(sde), sde, levels), mixture_cdf).pvalue > P_VALUE


@every_sde
def test_ancestral_steps_alone_recover_the_mixture(sde: SDE) -> None:
    sampler = partial(predictor_corrector, snr=0.0)
    assert kstest(drawn(sampler, mixture_mean(sde), sde, log_snr_levels(sde, 150)), mixture_cdf).pvalue > P_VALUE


def test_the_tests_of_the_mixture_can_fail() -> None:
    # A mean that leans a twentieth towards the origin.
    sde = SDES["ve"]
    mean = mixture_mean(sde)
    x = drawn(SAMPLERS["dpm"], lambda x, t: 0.95 * mean(x, t), sde, log_snr_levels(sde, 40))
    assert kstest(x, mixture_cdf).pvalue < P_VALUE / 100


@every_sde
def test_the_ode_solvers_converge_to_the_same_map_at_second_order(sde: SDE) -> None:
    # A normal distribution's probability flow is linear: x_t / std(x_t) is kept, whence the exact end.
    mean = normal_mean(sde, 0.4, 0.3)
    noise = normal(500)
    x = sde.prior_std * noise().double()
    ends = torch.tensor([1.0, sde.last_level], dtype=torch.float64)
    alpha, sigma = sde.alpha(ends), sde.sigma(ends)
    std = ((alpha * 0.3) ** 2 + sigma**2).sqrt()
    last = alpha[1] * 0.4 + std[1] * (x - alpha[0] * 0.4) / std[0]
    exact = mean(last, torch.full((len(x),), sde.last_level, dtype=torch.float64))
    for name in ("dpm", "heun"):
        errors = [
            (SAMPLERS[name](mean, sde, x, log_snr_levels(sde, steps), noise) - exact).abs().max().item()
            for steps in (21, 41, 81)
        ]
        orders = np.log2(errors[:-1]) - np.log2(errors[1:])
        assert (orders > 1.6).all(), (name, errors)


@every_sde
def test_one_ancestral_step_has_the_exact_mean_and_variance(sde: SDE) -> None:
    # With x_0 known for certain, the step is q(x_s | x_t, x_0), and x_s is distributed as q(x_s | x_0) again.
    rows, t, s = 40_000, 0.7, 0.4
    noise = normal(rows)
    level = torch.tensor([t, s], dtype=torch.float64)
    alpha, sigma = sde.alpha(level), sde.sigma(level)
    x = alpha[0] * 0.8 + sigma[0] * noise()
    back = ancestral_step(lambda x, t: torch.full_like(x, 0.8), sde, x, t, s, noise)
    assert kstest(back[:, 0].numpy(), norm(alpha[1].item() * 0.8, sigma[1].item()).cdf).pvalue > P_VALUE
    # Jointly too: cov(x_s, x_t) = (alpha_t / alpha_s) sigma_s^2.
    covariance = np.cov(back[:, 0], x[:, 0])[0, 1]
    spread = (sigma[0] * sigma[1]).item() / math.sqrt(rows)
    assert covariance == pytest.approx((alpha[0] / alpha[1] * sigma[1] ** 2).item(), abs=5 * spread)


@every_sde
@pytest.mark.parametrize(("name", "steps", "strength"), [("dpm", 40, 1.0), ("heun", 40, 2.5), ("pc", 250, 2.5)])
def test_a_linear_potential_shifts_a_normal_distribution(sde: SDE, name: str, steps: int, strength: float) -> None:
    # log p(wish | x_0) = slope x_0 makes N(c, s^2) to N(c + slope s^2, s^2); given x_t, x_0 is normal, and so
    # log p(wish | x_t) = slope E[x_0 | x_t] + constant is its exact potential.
    centre, spread, slope = 0.3, 0.5, 1.2
    mean = normal_mean(sde, centre, spread)
    tilted = guided(mean, sde, lambda x, t: slope * mean(x, t)[:, 0], strength)
    x = drawn(SAMPLERS[name], tilted, sde, log_snr_levels(sde, steps))
    assert kstest(x, norm(centre + strength * slope * spread**2, spread).cdf).pvalue > P_VALUE
    assert kstest(x, norm(centre, spread).cdf).pvalue < 1e-9


def test_no_strength_is_no_guidance() -> None:
    sde = SDES["vp"]
    mean = mixture_mean(sde)
    plain = drawn(SAMPLERS["dpm"], mean, sde, log_snr_levels(sde, 10), 50)
    tilted = guided(mean, sde, lambda x, t: 100 * x[:, 0], 0.0)
    assert np.array_equal(plain, drawn(SAMPLERS["dpm"], tilted, sde, log_snr_levels(sde, 10), 50))


@pytest.mark.parametrize("name", SAMPLERS)
def test_rows_do_not_depend_on_each_other(name: str) -> None:
    sde = SDES["ve"]
    mean, levels = mixture_mean(sde), log_snr_levels(sde, 12)

    def of_rows(rows: slice, seed: int = 0) -> np.ndarray:
        full = normal(150, seed)
        x = SAMPLERS[name](mean, sde, sde.prior_std * full()[rows], levels, lambda: full()[rows])
        return x.numpy()[:, 0]

    whole = of_rows(slice(None))
    assert np.array_equal(whole, of_rows(slice(None)))
    for rows in (slice(0, 1), slice(40, 130), slice(149, 150)):
        np.testing.assert_allclose(of_rows(rows), whole[rows], atol=1e-6)
    assert not np.isclose(whole, of_rows(slice(None), seed=1)).any()


@every_sde
def test_levels_run_from_noise_to_data(sde: SDE) -> None:
    levels = log_snr_levels(sde, 15)
    assert len(levels) == 15
    assert levels[0] == 1
    assert levels[-1] == sde.last_level
    assert (np.diff(levels) < 0).all()
    even = sde.log_snr(torch.tensor(levels, dtype=torch.float64)).diff()
    np.testing.assert_allclose(even, even[0].item())
    with pytest.raises(ValueError, match="at least 2 steps, not 1"):
        log_snr_levels(sde, 1)


def mixture_draws(rows: int, generator: torch.Generator) -> Tensor:
    part = torch.multinomial(WEIGHTS, rows, replacement=True, generator=generator)
    return (CENTRES[part] + SPREAD * torch.randn(rows, generator=generator))[:, None]
