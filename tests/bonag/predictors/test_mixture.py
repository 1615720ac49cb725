"""The mixture of Gaussian process and ensemble: its moments, its weight, and its shape as a BoTorch model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP
from hypothesis import given, settings
from hypothesis import strategies as st

from bonag.predictors.ensemble import GraphEnsemble, fit_ensemble
from bonag.predictors.features import GraphFeatures
from bonag.predictors.gp import fit_hyperparameters, make_gp
from bonag.predictors.mixture import ArchitectureModel, stacking_weight
from bonag.scores import rank_gaussianise
from search_spaces import SearchSpace

ROWS = 30


@pytest.fixture(scope="module")
def parts(
    nb201: SearchSpace, draw_codes: Callable, flow: Callable
) -> tuple[GraphFeatures, SingleTaskGP, GraphEnsemble, np.ndarray]:
    """Features, a Gaussian process, an ensemble, and architectures that neither has seen."""
    features, ops = GraphFeatures(nb201), draw_codes(nb201, ROWS + 50, 0)
    seen, unseen = ops[:ROWS], ops[ROWS:]
    y = rank_gaussianise(flow(nb201, seen))
    gp = make_gp(features, torch.from_numpy(features(seen)), torch.from_numpy(y))
    fit_hyperparameters(gp)
    return features, gp, fit_ensemble(nb201, seen, y, seed=0), unseen


def test_without_an_ensemble_it_is_the_gaussian_process(parts: tuple) -> None:
    features, gp, ensemble, ops = parts
    posterior = gp.posterior(torch.from_numpy(features(ops)))
    for model in (ArchitectureModel(features, gp), ArchitectureModel(features, gp, ensemble, ensemble_weight=0.0)):
        mean, spread = model.predict(ops)
        np.testing.assert_allclose(mean, posterior.mean[:, 0].detach(), atol=1e-7)
        np.testing.assert_allclose(spread, posterior.variance[:, 0].detach().sqrt(), atol=1e-6)


def test_with_all_weight_on_it_the_ensemble_is_all(parts: tuple) -> None:
    features, gp, ensemble, ops = parts
    mean, spread = ArchitectureModel(features, gp, ensemble, 1.0, rescale=(-2.0, 0.3)).predict(ops)
    expected, expected_spread = ensemble.predict(ops)
    np.testing.assert_allclose(mean, 0.3 - 2 * expected, atol=1e-9)
    np.testing.assert_allclose(spread, 2 * expected_spread, atol=1e-6)


@pytest.mark.parametrize("weight", [0.25, 0.6])
def test_moments_are_those_of_samples_of_the_mixture(parts: tuple, weight: float) -> None:
    features, gp, ensemble, ops = parts
    factor, offset = 0.7, 1.5
    mean, spread = ArchitectureModel(features, gp, ensemble, weight, (factor, offset)).predict(ops)
    first = ArchitectureModel(features, gp).predict(ops)
    second = ensemble.predict(ops)
    rng, draws = np.random.default_rng(0), 40_000
    from_first = rng.normal(*first, size=(draws, len(ops)))
    from_second = offset + factor * rng.normal(*second, size=(draws, len(ops)))
    samples = np.where(rng.random(from_first.shape) < weight, from_second, from_first)
    # Five standard errors of the sample mean; as a sample's variance has a larger one, more for the spread.
    assert np.abs(samples.mean(axis=0) - mean).max() < 5 * spread.max() / draws**0.5
    np.testing.assert_allclose(samples.std(axis=0), spread, rtol=0.04)


def test_it_answers_as_a_botorch_model(parts: tuple) -> None:
    features, gp, ensemble, ops = parts
    model = ArchitectureModel(features, gp, ensemble, 0.4)
    posterior = model.posterior(torch.from_numpy(ops.astype(np.float64))[:, None])
    mean, spread = model.predict(ops)
    assert posterior.mean.shape == posterior.variance.shape == (len(ops), 1, 1)
    assert model.num_outputs == 1
    np.testing.assert_array_equal(posterior.mean[:, 0, 0], mean)
    np.testing.assert_allclose(posterior.variance[:, 0, 0], spread**2, rtol=1e-12)
    assert posterior.mean.dtype == torch.float64
    torch.manual_seed(0)
    assert posterior.rsample(torch.Size([4000])).std(dim=0)[:, 0, 0].numpy() == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("shape", [(4, 2, 8), (4, 8), (2, 2, 1, 8)])
def test_there_is_no_joint_posterior(parts: tuple, shape: tuple[int, ...]) -> None:
    features, gp, _, _ = parts
    with pytest.raises(ValueError, match=r"X must be \(B, 1, S\)"):
        ArchitectureModel(features, gp).posterior(torch.zeros(shape))


@given(st.integers(0, 10_000), st.floats(-1, 1), st.floats(0, 2), st.integers(1, 80))
@settings(deadline=None)
def test_the_stacking_weight_has_the_least_held_out_error(seed: int, bias: float, error: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    first, second = y + rng.normal(scale=0.5, size=n), y + bias + rng.normal(scale=error, size=n)
    weight = stacking_weight(y, first, second)
    grid = np.linspace(0, 1, 201)[:, None]
    errors = ((y - (1 - grid) * first - grid * second) ** 2).mean(axis=1)
    assert 0 <= weight <= 1
    assert np.mean((y - (1 - weight) * first - weight * second) ** 2) <= errors.min() + 1e-12
    # The same from the other side.
    assert stacking_weight(y, second, first) == pytest.approx(1 - weight, abs=1e-6)


@pytest.mark.parametrize("n", [10, 200])
def test_the_weight_goes_to_the_better_predictor(n: int) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=n)
    good, bad = y + rng.normal(scale=0.1, size=n), rng.normal(size=n)
    assert stacking_weight(y, bad, good) > 0.9
    assert stacking_weight(y, good, bad) < 0.1


def test_two_predictors_that_agree_are_not_asked_twice() -> None:
    y = np.array([-1.0, 0.0, 1.0])
    assert stacking_weight(y, y / 2, y / 2) == 0
