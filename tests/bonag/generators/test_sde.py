"""The three diffusions: their closed-form noise is that of their own equation."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bonag.generators.sde import SDE, VE, VP, SubVP

SDES = [VE(), VE(0.02, 50.0), VP(), VP(0.1, 5.0, last_level=0.05), SubVP(), SubVP(0.5, 12.0)]
every_sde = pytest.mark.parametrize("sde", SDES, ids=str)
GRID = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)


def derivative(values: Any, t: torch.Tensor, step: float = 1e-5) -> torch.Tensor:
    return (values(t + step) - values(t - step)) / (2 * step)


@every_sde
def test_the_mean_follows_the_drift(sde: SDE) -> None:
    # d alpha / dt = f alpha
    torch.testing.assert_close(derivative(sde.alpha, GRID), sde.drift(GRID) * sde.alpha(GRID), rtol=1e-6, atol=1e-9)


@every_sde
def test_the_variance_follows_drift_and_diffusion(sde: SDE) -> None:
    # d sigma^2 / dt = 2 f sigma^2 + g^2
    growth = derivative(lambda t: sde.sigma(t) ** 2, GRID)
    expected = 2 * sde.drift(GRID) * sde.sigma(GRID) ** 2 + sde.diffusion(GRID) ** 2
    torch.testing.assert_close(growth, expected, rtol=1e-5, atol=1e-8)


@every_sde
def test_simulated_paths_have_the_closed_form(sde: SDE) -> None:
    # Ten thousand paths of Euler and Maruyama from x_0 = 1 at the level 0.2, where the noise is drawn exactly.
    generator = torch.Generator().manual_seed(0)
    levels = torch.linspace(0.2, 0.8, 151, dtype=torch.float64)
    noise = lambda: torch.randn(10_000, generator=generator, dtype=torch.float64)  # noqa: E731
    x = sde.alpha(levels[0]) + sde.sigma(levels[0]) * noise()
    for t, s in pairwise(levels):
        middle = (t + s) / 2
        x = x + sde.drift(middle) * x * (s - t) + sde.diffusion(middle) * (s - t).sqrt() * noise()
    alpha, sigma = sde.alpha(levels[-1]).item(), sde.sigma(levels[-1]).item()
    assert x.mean().item() == pytest.approx(alpha, abs=4 * sigma / 100)
    assert x.std().item() == pytest.approx(sigma, rel=0.03)


@every_sde
def test_the_log_snr_falls_and_inverts(sde: SDE) -> None:
    t = torch.linspace(max(sde.last_level, 1e-3), 1, 101, dtype=torch.float64)
    log_snr = sde.log_snr(t)
    assert (log_snr.diff() < 0).all()
    torch.testing.assert_close(sde.level(log_snr), t, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(log_snr.exp(), sde.alpha(t) / sde.sigma(t))


@every_sde
def test_random_levels_can_be_kept_to_a_range_of_ratios(sde: SDE) -> None:
    levels = sde.random_levels(500, torch.Generator().manual_seed(0), (0.5, 2.0)).double()
    ratios = torch.exp(-sde.log_snr(levels))
    assert ratios.min().item() == pytest.approx(0.5, rel=0.01)
    assert ratios.max().item() == pytest.approx(2.0, rel=0.01)
    assert ratios.log().mean().item() == pytest.approx(0, abs=0.01)
    # What the process does not reach is left out.
    whole = sde.random_levels(500, torch.Generator().manual_seed(0), (1e-9, 1e9))
    torch.testing.assert_close(whole, sde.random_levels(500, torch.Generator().manual_seed(0)))


def test_known_values() -> None:
    ends = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    np.testing.assert_allclose(VE(0.1, 10.0).sigma(ends), [0.1, 1.0, 10.0])
    # B(1) = (beta_min + beta_max) / 2 = 2
    for sde in (VP(1.0, 3.0), SubVP(1.0, 3.0)):
        assert sde.alpha(ends)[0] == 1
        assert sde.sigma(ends)[0] == 0
        assert sde.alpha(ends)[2].item() == pytest.approx(math.exp(-1))
    assert VP(1.0, 3.0).prior_std == pytest.approx(math.sqrt(1 - math.exp(-2)))
    assert SubVP(1.0, 3.0).prior_std == pytest.approx(1 - math.exp(-2))
    assert VE(0.1, 5.0).prior_std == pytest.approx(5.0)


def test_preserving_keeps_unit_variance_and_sub_stays_below() -> None:
    torch.testing.assert_close(VP().alpha(GRID) ** 2 + VP().sigma(GRID) ** 2, torch.ones_like(GRID))
    assert (SubVP().sigma(GRID) < VP().sigma(GRID)).all()


@every_sde
@given(n=st.integers(1, 300), seed=st.integers(0, 99))
def test_random_levels_fill_the_range_evenly(sde: SDE, n: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    levels = sde.random_levels(n, generator)
    assert levels.shape == (n,)
    first, last = sde.log_snr(torch.tensor([1.0, sde.last_level], dtype=torch.float64)).tolist()
    place = (sde.log_snr(levels.double()) - first) / (last - first)
    # One in each n-th, up to the rounding of float32 levels.
    offset = place.sort().values * n - torch.arange(n)
    assert offset.min() > -0.01
    assert offset.max() < 1.01


@pytest.mark.parametrize(
    "make",
    [
        lambda: VE(1.0, 0.5),
        lambda: VE(0.0, 1.0),
        lambda: VE(last_level=1.0),
        lambda: VP(3.0, 1.0),
        lambda: VP(last_level=0.0),
        lambda: SubVP(0.0, 1.0),
    ],
)
def test_impossible_settings_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        make()
