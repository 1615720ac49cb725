"""The noisy regressor against posteriors that are known: additive metrics of cells, whose slots are independent."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import log_ndtr
from scipy.stats import norm
from torch import Tensor

from bonag.generators.denoiser import Denoiser
from bonag.generators.diffusion import Transition, signal
from bonag.generators.regressor import NoisyRegressor, bound_log_likelihood, fit_regressor, log_interval
from bonag.generators.score import ScoreGenerator
from bonag.generators.sde import VE
from search_spaces import get_space

SPACE = get_space("nb201")
MARGINALS = torch.zeros(8, 7, dtype=torch.float64)
MARGINALS[0, 0] = MARGINALS[7, 1] = 1
MARGINALS[1:7, 2:] = 0.2
WEIGHTS = torch.randn(8, 7, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
DOUBT = 0.5


def additive(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two metrics, each a sum over sites, that the predictor knows up to a standard deviation of ``DOUBT``."""
    mean = WEIGHTS[np.arange(8), torch.from_numpy(codes)].sum(dim=1).numpy() * [1.0, 10.0] + [70.0, -3.0]
    return mean, np.broadcast_to((DOUBT * np.array([1.0, 10.0])) ** 2, mean.shape)


def exact(classes: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of both metrics where sites have independent classes: (B, S, K) -> (B, 2) each."""
    mean = torch.einsum("bsk,skm->bsm", classes, WEIGHTS)
    variance = torch.einsum("bsk,skm->bsm", classes, WEIGHTS**2) - mean**2
    scale = torch.tensor([1.0, 10.0], dtype=torch.float64)
    return (mean.sum(dim=1) * scale + torch.tensor([70.0, -3.0])), (variance.sum(dim=1) + DOUBT**2).sqrt() * scale


def discrete_posterior(z: Tensor, t: Tensor) -> Tensor:
    kept = signal(t)[:, None, None]
    arrived = MARGINALS.expand(len(z), -1, -1).gather(2, z[..., None])
    joint = MARGINALS * (kept * torch.eye(7, dtype=torch.float64)[z] + (1 - kept) * arrived)
    return joint / joint.sum(dim=-1, keepdim=True)


SCORE = ScoreGenerator(SPACE, Denoiser(SPACE), MARGINALS, VE())


def score_posterior(seen: Tensor, t: Tensor) -> Tensor:
    return seen.double()


PROCESSES = {"discrete": (Transition(MARGINALS).noised, discrete_posterior), "score": (SCORE.noised, score_posterior)}
Process = tuple[Callable[..., Tensor], Callable[[Tensor, Tensor], Tensor]]


def errors(regressor: NoisyRegressor, process: Process) -> tuple[np.ndarray, np.ndarray]:
    """Root mean squares of mean(regressor) - mean, in standard deviations of the metric, and of log(sd ratio)."""
    noised, posterior = process
    random = torch.Generator().manual_seed(1)
    codes = torch.from_numpy(SPACE.codes(SPACE.sample(2000, np.random.default_rng(1))))
    t = torch.rand(len(codes), generator=random)
    z = noised(codes, t, random)
    with torch.no_grad():
        mean, spread = regressor(z, t)
    true_mean, true_spread = exact(posterior(z, t))
    overall = torch.from_numpy(additive(codes.numpy())[0]).std(dim=0)
    off = ((mean - true_mean) / overall).square().mean(dim=0).sqrt()
    return off.numpy(), (spread / true_spread).log().square().mean(dim=0).sqrt().numpy()


@pytest.mark.numeric
@pytest.mark.parametrize("process", PROCESSES.values(), ids=list(PROCESSES))
def test_a_short_fit_comes_near_the_exact_posterior(process: Process) -> None:
    regressor = fit_regressor(SPACE, additive, process[0], steps=120, batch_size=128)
    mean, spread = errors(regressor, process)
    # Without looking at the graph at all the errors are some 0.7 and 0.6.
    assert (mean < 0.15).all()
    assert (spread < 0.3).all()


@pytest.mark.slow
@pytest.mark.parametrize("process", PROCESSES.values(), ids=list(PROCESSES))
def test_the_default_fit_is_the_exact_posterior(process: Process) -> None:
    mean, spread = errors(fit_regressor(SPACE, additive, process[0]), process)
    assert (mean < 0.06).all()
    assert (spread < 0.18).all()


@pytest.mark.slow
def test_a_fit_is_a_function_of_its_seed_and_leaves_the_global_random_state_alone() -> None:
    state = torch.random.get_rng_state()
    first, again, other = (
        fit_regressor(SPACE, additive, PROCESSES["discrete"][0], steps=3, batch_size=16, seed=seed).state_dict()
        for seed in (1, 1, 2)
    )
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["into.weight"], other["into.weight"])


@pytest.mark.numeric
def test_it_learns_from_the_given_codes() -> None:
    codes = SPACE.codes(SPACE.sample(7, np.random.default_rng(3)))
    asked = []

    def posterior(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(codes)
        return additive(codes)

    regressor = fit_regressor(SPACE, posterior, PROCESSES["discrete"][0], codes=codes, steps=2, batch_size=16)
    assert len(asked) == 1
    assert np.array_equal(asked[0], codes)
    np.testing.assert_allclose(regressor.centre, additive(codes)[0].mean(axis=0), rtol=1e-6)


def test_a_metric_that_never_varies_is_survived() -> None:
    regressor = fit_regressor(
        SPACE, lambda codes: (np.full((len(codes), 1), 3.0), np.zeros((len(codes), 1))), PROCESSES["score"][0], steps=2
    )
    mean, spread = regressor(torch.randn(5, 8, 7), torch.rand(5))
    torch.testing.assert_close(mean, torch.full((5, 1), 3.0))
    assert (spread > 0).all()


def test_every_weight_of_the_regressor_gets_a_gradient() -> None:
    torch.manual_seed(0)
    regressor = NoisyRegressor(SPACE, 2, width=16)
    # At its start the linear model is 0, and with it the gradient of its weight.
    torch.nn.init.normal_(regressor.linear.weight)
    mean, spread = regressor(torch.randn(5, 8, 7), torch.rand(5))
    (mean.sum() + spread.log().square().sum()).backward()
    for name, parameter in regressor.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_codes_are_their_own_one_hot_form() -> None:
    torch.manual_seed(0)
    regressor = NoisyRegressor(SPACE, 3, width=16, layers=3)
    codes, t = torch.randint(7, (5, 8)), torch.rand(5)
    assert torch.equal(regressor(codes, t)[0], regressor(torch.nn.functional.one_hot(codes, 7).float(), t)[0])


def test_open_bounds_have_no_gradient_and_others_have_finite_ones() -> None:
    torch.manual_seed(0)
    regressor = NoisyRegressor(SPACE, 4, width=16)
    x, t = torch.randn(6, 8, 7, requires_grad=True), torch.rand(6)
    nothing = np.array([[-math.inf, math.inf]] * 4)
    (gradient,) = torch.autograd.grad(bound_log_likelihood(regressor, nothing)(x, t).sum(), x)
    assert not gradient.any()
    some = np.array([[-math.inf, math.inf], [50.0, math.inf], [-math.inf, -50.0], [3.0, 3.001]])
    (gradient,) = torch.autograd.grad(bound_log_likelihood(regressor, some)(x, t).sum(), x)
    assert gradient.isfinite().all()
    assert (gradient.abs().sum(dim=(1, 2)) > 0).all()


def test_the_potential_is_the_log_probability_of_the_bounds() -> None:
    torch.manual_seed(0)
    regressor = NoisyRegressor(SPACE, 3, width=16).eval()
    x, t = torch.randn(6, 8, 7), torch.rand(6)
    bounds = np.array([[0.1, math.inf], [-0.5, 0.3], [-math.inf, math.inf]])
    with torch.no_grad():
        mean, spread = (part.double().numpy() for part in regressor(x, t))
        value = bound_log_likelihood(regressor, bounds)(x, t)
        weighted = bound_log_likelihood(regressor, bounds, np.array([2.0, 0.5, 7.0]))(x, t)
    above = norm.logsf(0.1, mean[:, 0], spread[:, 0])
    inside = np.log(norm.cdf(0.3, mean[:, 1], spread[:, 1]) - norm.cdf(-0.5, mean[:, 1], spread[:, 1]))
    np.testing.assert_allclose(value, above + inside, rtol=1e-5)
    np.testing.assert_allclose(weighted, 2 * above + 0.5 * inside, rtol=1e-5)
    for bad in ([[1.0, 0.0]], [[0.0, 0.0]], [[math.nan, 1.0]]):
        with pytest.raises(ValueError, match="must be below"):
            bound_log_likelihood(regressor, np.array(bad * 3))


ends = st.floats(-1e4, 1e4)


@given(ends, st.floats(1e-6, 1e4))
def test_intervals_have_the_log_probability_of_their_integral(a: float, width: float) -> None:
    b = a + width
    low, high = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (a, b))
    value = log_interval(low, high)
    value.backward()
    # exp(-(x^2 - near^2) / 2) over the interval, from its end nearest to 0, where it is largest.
    near = min(max(0.0, a), b)
    reach = min(40 / max(1.0, abs(near)), 40.0)
    start, end = (near, min(b, near + reach)) if near >= 0 and a >= 0 else (max(a, near - reach), near)
    inside, _ = quad(lambda x: math.exp((near - x) * (near + x) / 2), start, end, epsabs=0, epsrel=1e-10, limit=200)
    if a < 0 < b:
        right, _ = quad(lambda x: math.exp(-x * x / 2), 0, min(b, 40.0), epsabs=0, epsrel=1e-10, limit=200)
        inside += right
    expected = math.log(inside) - near**2 / 2 - math.log(2 * math.pi) / 2
    assert value.item() == pytest.approx(expected, rel=1e-6, abs=1e-6)
    for end_point, sign in ((low, -1), (high, 1)):
        assert end_point.grad is not None
        density = -(end_point.item() ** 2) / 2 - math.log(2 * math.pi) / 2
        slope = sign * math.exp(min(density - value.item(), 700.0))
        assert end_point.grad.item() == pytest.approx(slope, rel=1e-3, abs=1e-6)


@given(ends)
def test_one_sided_intervals_are_the_normal_distribution_function(end: float) -> None:
    for below in (True, False):
        point = torch.tensor(end, dtype=torch.float64, requires_grad=True)
        infinite = torch.tensor(-math.inf if below else math.inf, dtype=torch.float64)
        value = log_interval(infinite, point) if below else log_interval(point, infinite)
        value.backward()
        expected = log_ndtr(end if below else -end)
        assert value.item() == pytest.approx(expected, rel=1e-9, abs=1e-300)
        slope = math.exp(-(end**2) / 2 - math.log(2 * math.pi) / 2 - expected)
        assert point.grad is not None
        assert point.grad.item() == pytest.approx(slope if below else -slope, rel=1e-4, abs=1e-300)


def test_open_intervals_are_certain_and_have_no_gradient() -> None:
    value = log_interval(torch.tensor([-math.inf], dtype=torch.float64), torch.tensor([math.inf], dtype=torch.float64))
    assert value.item() == 0
    mean = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    log_interval(-math.inf - mean, math.inf - mean).sum().backward()
    assert mean.grad is not None
    assert mean.grad.item() == 0
