"""The diffusion against explicit matrices, on a space of two nodes with three operations, for both kinds of noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from bonag.generators.diffusion import Transition, draw, signal
from bonag.generators.discrete import DiscreteGenerator
from search_spaces import get_space

OPS = 3
MARGINALS = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], dtype=torch.float64)
TRANSITION = Transition(MARGINALS)
UNIFORM = Transition(torch.full((2, OPS), 1 / OPS, dtype=torch.float64))
both_kinds = pytest.mark.parametrize("transition", [TRANSITION, UNIFORM], ids=["marginal", "uniform"])
levels = st.floats(0.01, 0.99)
# Far below what a wrong distribution would give, far above what bad luck does.
P_VALUE = 1e-3


def signal_level(t: float) -> float:
    return math.cos(t * math.pi / 2) ** 2


def matrix(node: int, s: float, t: float, transition: Transition = TRANSITION) -> np.ndarray:
    """Q_{t|s} of a node: row z_s, column z_t."""
    kept = signal_level(t) / signal_level(s)
    return kept * np.eye(OPS) + (1 - kept) * transition.marginals[node].numpy()


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


@both_kinds
@given(s=levels, t=levels)
def test_two_steps_are_one(transition: Transition, s: float, t: float) -> None:
    s, t = min(s, t), max(s, t)
    for node in range(2):
        two = matrix(node, 0, s, transition) @ matrix(node, s, t, transition)
        np.testing.assert_allclose(two, matrix(node, 0, t, transition), atol=1e-12)


@both_kinds
@given(s=levels, t=levels)
def test_the_posterior_is_bayes_rule(transition: Transition, s: float, t: float) -> None:
    s, t = min(s, t) * 0.99, max(s, t)
    z, x = all_pairs()
    computed = transition.posterior(z, x, s, t).numpy()
    assert computed.shape == (len(z), 2, OPS)
    for row, (arrived, start) in enumerate(zip(z[:, 0].tolist(), x[:, 0].tolist(), strict=True)):
        for node in range(2):
            joint = matrix(node, 0, s, transition)[start] * matrix(node, s, t, transition)[:, arrived]
            expected = joint / matrix(node, 0, t, transition)[start, arrived]
            np.testing.assert_allclose(computed[row, node], expected, atol=1e-9)


@both_kinds
@given(s=levels, t=levels)
def test_posteriors_average_to_the_forward_marginal(transition: Transition, s: float, t: float) -> None:
    s, t = min(s, t) * 0.99, max(s, t)
    z, x = all_pairs()
    computed = transition.posterior(z, x, s, t).reshape(OPS, OPS, 2, OPS).numpy()
    for node in range(2):
        for start in range(OPS):
            average = matrix(node, 0, t, transition)[start] @ computed[:, start, node]
            np.testing.assert_allclose(average, matrix(node, 0, s, transition)[start], atol=1e-9)


@both_kinds
@given(s=levels, t=levels, seed=st.integers(0, 99))
def test_the_reverse_step_is_the_posterior_averaged_over_clean_classes(
    transition: Transition, s: float, t: float, seed: int
) -> None:
    s, t = min(s, t) * 0.99, max(s, t)
    clean = torch.from_numpy(np.random.default_rng(seed).dirichlet([0.3] * OPS, size=(OPS, 2)))
    z = torch.arange(OPS)[:, None].repeat(1, 2)
    each = [transition.posterior(z, torch.full_like(z, start), s, t) for start in range(OPS)]
    average = sum(clean[:, :, start, None] * each[start] for start in range(OPS))
    np.testing.assert_allclose(transition.reverse(z, clean, s, t), average, atol=1e-9)


@both_kinds
@pytest.mark.parametrize(("s", "t"), [(0.0, 0.3), (0.4, 1.0), (0.0, 1.0)])
def test_reverse_steps_from_and_to_the_ends(transition: Transition, s: float, t: float) -> None:
    clean = torch.from_numpy(np.random.default_rng(0).dirichlet([1.0] * OPS, size=(OPS, 2)))
    z = torch.arange(OPS)[:, None].repeat(1, 2)
    kept = signal_level(s)
    # From pure noise nothing of z is left, and without noise the clean classes themselves are drawn.
    expected = clean if s == 0 else kept * clean + (1 - kept) * transition.marginals
    np.testing.assert_allclose(transition.reverse(z, clean, s, t), expected, atol=1e-9)


@pytest.mark.slow
@both_kinds
@given(t=levels)
def test_the_likelihood_is_a_column_of_the_matrix(transition: Transition, t: float) -> None:
    z = torch.arange(OPS)[:, None].repeat(1, 2)
    computed = transition.log_likelihood(z, t)
    assert computed.shape == (OPS, 2, OPS)
    for arrived in range(OPS):
        for node in range(2):
            expected = np.log(matrix(node, 0, t, transition)[:, arrived])
            np.testing.assert_allclose(computed[arrived, node], expected, atol=1e-12)


def test_every_graph_has_the_likelihood_of_its_own_level() -> None:
    z, t = torch.tensor([[0, 1], [2, 2], [1, 0]]), torch.tensor([0.2, 0.5, 0.9])
    together = TRANSITION.log_likelihood(z, t)
    for row in range(3):
        alone = TRANSITION.log_likelihood(z[row : row + 1], float(t[row]))
        torch.testing.assert_close(together[row : row + 1], alone)


def test_classes_that_never_occur_are_never_reached() -> None:
    marginals = torch.tensor([[0.4, 0.6, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    transition = Transition(marginals)
    assert transition.free.tolist() == [True, False]
    z = torch.tensor([[0, 1], [1, 1]])
    likelihood = transition.log_likelihood(z, 0.5)
    assert torch.equal(likelihood == -math.inf, (marginals == 0).expand(2, -1, -1))
    clean = torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64).expand(2, -1, -1)
    for s, t in ((0.0, 0.5), (0.3, 0.6), (0.5, 1.0)):
        reverse = transition.reverse(z, clean, s, t)
        assert not reverse[:, marginals == 0].any()
        assert reverse.sum(dim=-1).numpy() == pytest.approx(1)


def test_without_noise_a_graph_says_what_it_is() -> None:
    z = torch.tensor([[0, 2]])
    assert TRANSITION.log_likelihood(z, 0.0)[0].exp().tolist() == [[1, 0, 0], [0, 0, 1]]
    # And with nothing but noise, it says nothing.
    certain = TRANSITION.log_likelihood(z, 1.0)[0].exp()
    np.testing.assert_allclose(certain, MARGINALS[[0, 1], [0, 2]][:, None].expand(2, OPS), atol=1e-12)


def test_uniform_noise_spreads_evenly_over_the_classes_that_occur() -> None:
    space = get_space("nb201")
    codes = space.codes(space.sample(500, np.random.default_rng(0)))
    codes[codes == 4] = 3
    marginal, uniform = Transition.of_sample(space, codes), Transition.of_sample(space, codes, uniform=True)
    np.testing.assert_allclose(marginal.marginals, np.eye(7)[codes].mean(axis=0))
    assert torch.equal(uniform.marginals > 0, marginal.marginals > 0)
    assert uniform.marginals[1].tolist() == [0, 0, 0.25, 0.25, 0, 0.25, 0.25]
    assert uniform.marginals[0].tolist() == [1, 0, 0, 0, 0, 0, 0]


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


def test_fixed_nodes_never_change(generators: dict[str, DiscreteGenerator]) -> None:
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
