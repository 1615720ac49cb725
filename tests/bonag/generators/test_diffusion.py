"""The diffusion against explicit matrices, on a space of two nodes with three operations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from bonag.generators.diffusion import Transition, draw, signal
from bonag.generators.generator import DiffusionGenerator

OPS = 3
MARGINALS = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], dtype=torch.float64)
TRANSITION = Transition(MARGINALS)
levels = st.floats(0.01, 0.99)
# Far below what a wrong distribution would give, far above what bad luck does.
P_VALUE = 1e-3


def signal_level(t: float) -> float:
    return math.cos(t * math.pi / 2) ** 2


def matrix(node: int, s: float, t: float) -> np.ndarray:
    """Q_{t|s} of a node: row z_s, column z_t."""
    kept = signal_level(t) / signal_level(s)
    return kept * np.eye(OPS) + (1 - kept) * MARGINALS[node].numpy()


def all_pairs() -> tuple[torch.Tensor, torch.Tensor]:
    """Every z and every x of one node value each, side by side for both nodes: (9, 2), (9, 2)."""
    grid = torch.cartesian_prod(torch.arange(OPS), torch.arange(OPS))
    return grid[:, :1].repeat(1, 2), grid[:, 1:].repeat(1, 2)


def test_the_signal_falls_from_one_to_zero() -> None:
    t = torch.linspace(0, 1, 101)
    assert signal(0.0) == 1
    assert signal(1.0).item() == pytest.approx(0, abs=1e-12)
    assert (signal(t).diff() < 0).all()
    assert signal(1 / 3).item() == pytest.approx(3 / 4)


@given(levels, levels)
def test_two_steps_are_one(s: float, t: float) -> None:
    s, t = min(s, t), max(s, t)
    for node in range(2):
        np.testing.assert_allclose(matrix(node, 0, s) @ matrix(node, s, t), matrix(node, 0, t), atol=1e-12)


@given(levels, levels)
def test_the_posterior_is_bayes_rule(s: float, t: float) -> None:
    s, t = min(s, t) * 0.99, max(s, t)
    z, x = all_pairs()
    computed = TRANSITION.posterior(z, x, s, t).numpy()
    assert computed.shape == (len(z), 2, OPS)
    for row, (arrived, start) in enumerate(zip(z[:, 0].tolist(), x[:, 0].tolist(), strict=True)):
        for node in range(2):
            joint = matrix(node, 0, s)[start] * matrix(node, s, t)[:, arrived]
            np.testing.assert_allclose(computed[row, node], joint / matrix(node, 0, t)[start, arrived], atol=1e-9)


@given(levels, levels)
def test_posteriors_average_to_the_forward_marginal(s: float, t: float) -> None:
    s, t = min(s, t) * 0.99, max(s, t)
    z, x = all_pairs()
    computed = TRANSITION.posterior(z, x, s, t).reshape(OPS, OPS, 2, OPS).numpy()
    for node in range(2):
        for start in range(OPS):
            average = matrix(node, 0, t)[start] @ computed[:, start, node]
            np.testing.assert_allclose(average, matrix(node, 0, s)[start], atol=1e-9)


def test_the_last_step_ends_at_the_clean_graph() -> None:
    z, x = all_pairs()
    assert torch.equal(TRANSITION.posterior(z, x, 0.0, 0.3).argmax(dim=-1), x)
    assert TRANSITION.posterior(z, x, 0.0, 0.3).max(dim=-1).values.numpy() == pytest.approx(1)


def test_the_first_step_forgets_nothing_of_the_prediction() -> None:
    # At t = 1 nothing is left of x in z, so the posterior is q(z_s | x).
    z, x = all_pairs()
    posterior = TRANSITION.posterior(z, x, 0.6, 1.0)
    kept = signal_level(0.6)
    expected = kept * torch.eye(OPS, dtype=torch.float64)[x] + (1 - kept) * MARGINALS
    np.testing.assert_allclose(posterior, expected, atol=1e-12)


@pytest.mark.parametrize("t", [0.2, 0.5, 0.9, 1.0])
def test_noised_graphs_are_distributed_as_the_matrices_say(t: float) -> None:
    n = 40_000
    x = torch.tensor([[2, 0]]).repeat(n, 1)
    z = TRANSITION.noised(x, t, torch.Generator().manual_seed(0))
    # Both nodes jointly, because they must be independent.
    counts = np.bincount((z[:, 0] * OPS + z[:, 1]).numpy(), minlength=OPS**2)
    expected = np.outer(matrix(0, 0, t)[2], matrix(1, 0, t)[0]).ravel() * n
    assert chisquare(counts, expected).pvalue > P_VALUE


def test_every_graph_is_noised_at_its_own_level() -> None:
    n = 40_000
    t = torch.tensor([0.0, 0.4, 0.9]).repeat_interleave(n)
    z = TRANSITION.noised(torch.ones(3 * n, 2, dtype=torch.int64), t, torch.Generator().manual_seed(1))
    for part, level in zip(z.reshape(3, n, 2), (0.0, 0.4, 0.9), strict=True):
        for node in range(2):
            expected = matrix(node, 0, level)[1] * n
            counts = np.bincount(part[:, node].numpy(), minlength=OPS)
            if level == 0:
                assert counts.tolist() == [0, n, 0]
            else:
                assert chisquare(counts, expected).pvalue > P_VALUE


def test_the_prior_has_the_marginals() -> None:
    n = 40_000
    z = TRANSITION.prior(n, torch.Generator().manual_seed(0))
    assert z.shape == (n, 2)
    for node in range(2):
        counts = np.bincount(z[:, node].numpy(), minlength=OPS)
        assert chisquare(counts, MARGINALS[node].numpy() * n).pvalue > P_VALUE


def test_walking_back_from_the_prior_with_the_true_graph_gives_that_graph() -> None:
    # The sampler's chain with a perfect denoiser, over the sampler's own functions.
    generator = torch.Generator().manual_seed(0)
    x = torch.tensor([[2, 0]]).repeat(20_000, 1)
    z = TRANSITION.prior(len(x), generator)
    for t, s in ((1.0, 0.7), (0.7, 0.3)):
        z = draw(TRANSITION.posterior(z, x, s, t), generator)
        for node, start in enumerate((2, 0)):
            counts = np.bincount(z[:, node].numpy(), minlength=OPS)
            assert chisquare(counts, matrix(node, 0, s)[start] * len(x)).pvalue > P_VALUE
    assert torch.equal(draw(TRANSITION.posterior(z, x, 0.0, 0.3), generator), x)


def test_draws_follow_their_probabilities_which_need_not_sum_to_one() -> None:
    n = 40_000
    weights = torch.tensor([[1.0, 0.0, 3.0, 4.0], [0.0, 0.5, 0.5, 0.0]])
    drawn = draw(weights.repeat(n, 1, 1), torch.Generator().manual_seed(0))
    assert drawn.shape == (n, 2)
    first, second = (np.bincount(drawn[:, row].numpy(), minlength=4) for row in range(2))
    assert first[1] == second[0] == second[3] == 0
    assert chisquare(first[[0, 2, 3]], n * np.array([1, 3, 4]) / 8).pvalue > P_VALUE
    assert chisquare(second[1:3]).pvalue > P_VALUE


def test_draws_of_certain_things_are_certain() -> None:
    certain = torch.eye(5).repeat(1000, 1, 1)
    assert torch.equal(draw(certain, torch.Generator().manual_seed(0)), torch.arange(5).repeat(1000, 1))


def test_fixed_nodes_never_change(generators: dict[str, DiffusionGenerator]) -> None:
    generator, rng = generators["nb201"], torch.Generator().manual_seed(0)
    space, transition = generator.space, generator.transition
    fixed = space.fixed_ops >= 0
    x = torch.from_numpy(space.codes(space.sample(2000, np.random.default_rng(0))))
    for noisy in (transition.prior(2000, rng), transition.noised(x, 0.7, rng)):
        assert (noisy.numpy()[:, fixed] == space.fixed_ops[fixed]).all()
        back = draw(transition.posterior(noisy, x, 0.3, 0.7), rng)
        assert (back.numpy()[:, fixed] == space.fixed_ops[fixed]).all()
        clean = draw(generator.clean_probabilities(noisy, 0.7).detach(), rng)
        assert (clean.numpy()[:, fixed] == space.fixed_ops[fixed]).all()
