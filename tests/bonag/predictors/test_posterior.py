"""Gaussian process regression against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.predictors.posterior import ExactPosterior


class Distance:
    """exp(-|a - b|) of codes with one site."""

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        return codes

    def matrix(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-np.abs(a[:, None, 0] - b[None, :, 0]).astype(float))

    def variances(self, inputs: np.ndarray) -> np.ndarray:
        return np.ones(len(inputs))


@pytest.fixture
def posterior() -> ExactPosterior:
    return ExactPosterior(Distance(), np.array([[0], [2], [5]]), np.array([0.3, -1.0, 0.8]), noise_variance=0.1)


def test_the_posterior_is_that_of_the_textbook(posterior: ExactPosterior) -> None:
    new, kernel = np.array([[1], [9]]), Distance()
    inverse = np.linalg.inv(kernel.matrix(posterior.inputs, posterior.inputs) + 0.1 * np.eye(3))
    cross = kernel.matrix(new, posterior.inputs)
    found = posterior.predict(new)
    mean, spread = found.mean, found.stddev
    assert np.allclose(mean, cross @ inverse @ posterior.scores)
    assert np.allclose(spread**2, 1 - np.diag(cross @ inverse @ cross.T))


def test_imagined_results_change_no_mean_but_the_spread(posterior: ExactPosterior) -> None:
    new = np.array([[1]])
    before, after = posterior.predict(new), posterior.after(new).predict(new)
    assert after.mean == pytest.approx(before.mean)
    assert after.stddev < before.stddev


def test_other_scores_take_the_place_of_those_before(posterior: ExactPosterior) -> None:
    other = posterior.condition(np.array([[1]]), np.array([2.0]))
    assert other.predict(np.array([[1]])).mean == pytest.approx(2 / 1.1)
    assert other.noise == posterior.noise == pytest.approx(0.1**0.5)


@pytest.mark.parametrize("more", [0, 1, 3])
def test_what_continues_a_process_is_what_solves_it_whole(posterior: ExactPosterior, more: int) -> None:
    codes = np.array([[0], [2], [5], [1], [7], [5]])[: 3 + more]
    scores = np.random.default_rng(0).normal(size=len(codes))
    continued = posterior.condition(codes, scores)
    whole = ExactPosterior(Distance(), codes, scores, noise_variance=0.1)
    assert continued.first is posterior
    for found, expected in ((continued, whole), (continued.after(codes[:2] + 9), whole.after(codes[:2] + 9))):
        new = np.array([[3], [6], [20]])
        assert np.allclose(found.predict(new).mean, expected.predict(new).mean)
        assert np.allclose(found.predict(new).stddev, expected.predict(new).stddev)
        assert np.allclose(found.leave_one_out().mean, expected.leave_one_out().mean)


def test_other_first_inputs_are_solved_anew(posterior: ExactPosterior) -> None:
    codes, scores = np.array([[0], [5], [2], [1]]), np.array([1.0, 0.5, -1.0, 0.2])
    expected = ExactPosterior(Distance(), codes, scores, noise_variance=0.1).predict(codes + 1)
    assert posterior.condition(codes, scores).first is None
    assert np.allclose(posterior.condition(codes, scores).predict(codes + 1).mean, expected.mean)
