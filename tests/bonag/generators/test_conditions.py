"""Bounds on metrics: one scale for all, random ones to train on, and what a conditional model makes of them."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr, ndtri
from scipy.stats import chisquare, kstest

from bonag.generators.conditions import BoundsCode, RandomBounds, normal_scores, quantiles_of
from bonag.generators.diffusion import signal
from bonag.scores import FARTHEST

P_VALUE = 1e-3
# With many ties, because parameters are counts.
samples = arrays(np.float64, st.integers(1, 60), elements=st.integers(-9, 9).map(float))
OPEN = [-np.inf, np.inf]


# Scales


@pytest.mark.slow
@given(samples, arrays(np.float64, 12, elements=st.floats(-20, 20)))
def test_larger_is_never_lower(sample: np.ndarray, values: np.ndarray) -> None:
    scores = normal_scores(quantiles_of(sample), np.sort(values))
    # Up to the rounding of an interpolation.
    assert (np.diff(scores) >= -1e-12).all()
    assert (np.abs(scores) <= FARTHEST).all()


@given(samples)
def test_values_of_the_sample_that_differ_have_scores_that_differ(sample: np.ndarray) -> None:
    values = np.unique(sample)
    scores = normal_scores(quantiles_of(sample), values)
    assert (np.diff(scores) > 0).all()


def test_the_scores_of_a_sample_are_normal_whatever_its_distribution() -> None:
    values = np.random.default_rng(0).lognormal(3, 2, size=5000)
    scores = normal_scores(quantiles_of(values), values)
    assert kstest(scores, ndtr).statistic < 0.005
    assert normal_scores(quantiles_of(values), np.median(values)) == pytest.approx(0, abs=1e-9)


def test_a_quantile_has_the_normal_quantile_of_its_level() -> None:
    values = np.random.default_rng(0).gamma(2, size=20_000)
    levels = np.array([0.01, 0.05, 0.25, 0.5, 0.9, 0.99])
    scores = normal_scores(quantiles_of(values), np.quantile(values, levels))
    np.testing.assert_allclose(scores, ndtri(levels), atol=0.02)


def test_ties_lie_in_the_middle_of_their_levels() -> None:
    # Half of the values are 0, a quarter 1, a quarter 2.
    quantiles = quantiles_of(np.repeat([0.0, 1.0, 2.0], [2000, 1000, 1000]))
    np.testing.assert_allclose(normal_scores(quantiles, np.arange(3)), ndtri([0.25, 0.625, 0.875]), atol=0.01)


def test_infinite_bounds_stay_open_and_unheard_of_ones_end_at_the_farthest() -> None:
    quantiles = quantiles_of(np.arange(100.0))
    assert normal_scores(quantiles, np.array([-np.inf, np.inf])).tolist() == OPEN
    assert normal_scores(quantiles, np.array([-1e9, -1.0, 0.0])).tolist() == [-FARTHEST] * 3
    assert normal_scores(quantiles, np.array([99.0, 100.0, 1e9])).tolist() == [FARTHEST] * 3


def test_a_metric_that_never_varies_is_in_the_middle() -> None:
    assert normal_scores(quantiles_of(np.full(7, 3.0)), 3.0) == 0


# Random bounds


@pytest.fixture(scope="module")
def pool() -> np.ndarray:
    """Normal scores of 3,000 members and two correlated metrics, each row unlike any other."""
    noise = np.random.default_rng(0).standard_normal((3000, 2))
    return noise @ np.array([[1.0, 0.6], [0.0, 0.8]])


def test_every_member_meets_its_bounds(pool: np.ndarray) -> None:
    rows, bounds = RandomBounds(pool).draw(200, 8, np.random.default_rng(0))
    assert rows.shape == (1600,)
    assert bounds.shape == (1600, 2, 2)
    assert (bounds[:, :, 0] < bounds[:, :, 1]).all()
    assert (pool[rows] >= bounds[:, :, 0]).all()
    assert (pool[rows] <= bounds[:, :, 1]).all()


def test_members_of_a_set_share_their_bounds(pool: np.ndarray) -> None:
    _, bounds = RandomBounds(pool).draw(50, 4, np.random.default_rng(0))
    sets = bounds.reshape(50, 4, 2, 2)
    assert (sets == sets[:, :1]).all()
    assert len(np.unique(sets[:, 0].reshape(50, -1), axis=0)) > 30


def test_members_are_uniform_among_those_that_meet_the_bounds(pool: np.ndarray) -> None:
    rng, tested = np.random.default_rng(1), 0
    for _ in range(12):
        rows, bounds = RandomBounds(pool, null=0.0).draw(1, 20_000, rng)
        meets = np.flatnonzero(((pool >= bounds[0, :, 0]) & (pool <= bounds[0, :, 1])).all(axis=1))
        counts = np.bincount(rows, minlength=len(pool))
        assert counts.sum() == counts[meets].sum()
        assert chisquare(counts[meets]).pvalue > P_VALUE / 12
        tested += len(meets) < len(pool)
    assert tested >= 6


def test_all_kinds_of_bounds_are_drawn(pool: np.ndarray) -> None:
    _, bounds = RandomBounds(pool).draw(1000, 1, np.random.default_rng(0))
    given_ends = np.isfinite(bounds)
    for metric in range(2):
        kinds = {kind: (given_ends[:, metric] == kind).all(axis=1).mean() for kind in product([False, True], repeat=2)}
        assert min(kinds.values()) > 0.05
    unconditioned = (~given_ends).all(axis=(1, 2)).mean()
    # A tenth by itself, and 0.9 of 0.4 squared.
    assert unconditioned == pytest.approx(0.1 + 0.9 * 0.16, abs=0.05)
    assert given_ends.any(axis=2).all(axis=1).mean() > 0.15


def test_with_no_bounds_asked_for_none_are_drawn(pool: np.ndarray) -> None:
    rows, bounds = RandomBounds(pool, null=1.0).draw(20, 500, np.random.default_rng(0))
    assert not np.isfinite(bounds).any()
    assert chisquare(np.bincount(rows, minlength=len(pool))).pvalue > P_VALUE


def test_bounds_that_too_few_meet_are_not_learned_from() -> None:
    pool = np.random.default_rng(0).standard_normal((40, 1))
    _, bounds = RandomBounds(pool, fewest=16).draw(300, 1, np.random.default_rng(0))
    for low, high in bounds[:, 0]:
        assert ((pool >= low) & (pool <= high)).sum() >= 16
    # None is met by more than there are, so nothing is bounded.
    rows, bounds = RandomBounds(pool, fewest=41).draw(30, 1, np.random.default_rng(0))
    assert not np.isfinite(bounds).any()
    assert rows.max() < 40


# Bounds as a network sees them


@pytest.fixture
def code() -> BoundsCode:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BoundsCode(3, 8)


def bounds_of(*ends: tuple[float, float]) -> torch.Tensor:
    return torch.tensor([ends])


def test_open_bounds_are_no_bounds(code: BoundsCode) -> None:
    assert code(None, 4).shape == (4, 8)
    torch.testing.assert_close(code(torch.tensor(OPEN).expand(4, 3, 2), 4), code(None, 4))


@pytest.mark.parametrize("metric", range(3))
def test_each_metric_without_a_bound_has_a_token_of_its_own(code: BoundsCode, metric: int) -> None:
    ends = [(0.5, math.inf), (-1.0, 1.0), (-math.inf, 0.0)]
    all_given = code(bounds_of(*ends), 1)
    ends[metric] = (-math.inf, math.inf)
    one_open, none_given = code(bounds_of(*ends), 1), code(None, 1)
    with torch.no_grad():
        code.null[metric] += 1.0
    # It stands for that metric, and is not seen where the metric is bounded.
    ends_given = [(0.5, math.inf), (-1.0, 1.0), (-math.inf, 0.0)]
    assert torch.equal(code(bounds_of(*ends_given), 1), all_given)
    assert not torch.allclose(code(bounds_of(*ends), 1), one_open)
    assert not torch.allclose(code(None, 1), none_given)


def test_what_is_bounded_where_and_on_which_side_all_matter(code: BoundsCode) -> None:
    inf = math.inf
    seen = [
        code(bounds_of(*ends), 1)
        for ends in [
            ((0.0, inf), (-inf, inf), (-inf, inf)),
            ((-inf, 0.0), (-inf, inf), (-inf, inf)),
            ((-inf, inf), (0.0, inf), (-inf, inf)),
            ((0.0, 0.0), (-inf, inf), (-inf, inf)),
            ((0.1, inf), (-inf, inf), (-inf, inf)),
            ((4.0, inf), (-inf, inf), (-inf, inf)),
            ((-inf, inf), (-inf, inf), (-inf, inf)),
        ]
    ]
    for one in range(len(seen)):
        for other in range(one):
            assert (seen[one] - seen[other]).abs().max() > 1e-3, (one, other)


def test_gradients_through_open_bounds_are_finite(code: BoundsCode) -> None:
    code(bounds_of((0.3, math.inf), tuple(OPEN), (-math.inf, 0.2)), 1).square().sum().backward()
    for name, parameter in code.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all(), name
    assert code.null.grad is not None
    assert (code.null.grad.abs().sum(dim=1) > 0).tolist() == [False, True, False]


# A conditional model whose network is Bayes' rule, on two nodes with three operations

LOW, BETWEEN = (0.7, np.inf), (-0.6, 0.9)


def forward(pair: object, t: float) -> np.ndarray:
    """q(z_t | x) of both nodes, [node, x, z]."""
    kept, marginals = float(signal(t)), pair.transition().marginals.numpy()  # type: ignore[attr-defined]
    return kept * np.eye(3) + (1 - kept) * marginals[:, None, :]


def posterior(pair: object, z: np.ndarray, t: float, bounds: np.ndarray) -> np.ndarray:
    """p(x_i | z_t, bounds) by enumeration, up to the last sum: (B, 2, 3)."""
    q, prior = forward(pair, t), pair.given(bounds)  # type: ignore[attr-defined]
    rows = []
    for first, second in z:
        joint = prior * q[0, :, first, None] * q[1, None, :, second]
        rows.append([joint.sum(axis=1) / joint.sum(), joint.sum(axis=0) / joint.sum()])
    return np.array(rows)


def guided(pair: object, z: np.ndarray, t: float, bounds: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """p(x_i | z_t, all) times, of each metric c, (p(x_i | z_t, all) / p(x_i | z_t, all but c)) ^ (w_c - 1)."""
    every = posterior(pair, z, t, bounds)
    result = every.copy()
    for c, strength in enumerate(strengths):
        others = bounds.copy()
        others[c] = OPEN
        result *= (every / posterior(pair, z, t, others)) ** (strength - 1)
    return result / result.sum(axis=-1, keepdims=True)


ALL_PAIRS = np.array(list(product(range(3), repeat=2)))
levels = pytest.mark.parametrize("t", [0.15, 0.6, 1.0])


@levels
@pytest.mark.parametrize("bounds", [[OPEN, OPEN], [LOW, OPEN], [LOW, BETWEEN]], ids=["none", "one", "two"])
def test_strength_one_is_the_conditional_model(pair: object, t: float, bounds: list) -> None:
    chosen = np.array(bounds)
    generator = pair.generator()  # type: ignore[attr-defined]
    for strengths in (None, np.ones(2)):
        found = generator.clean_probabilities(torch.from_numpy(ALL_PAIRS), t, chosen, strengths)
        np.testing.assert_allclose(found, posterior(pair, ALL_PAIRS, t, chosen), atol=1e-7)


@levels
@pytest.mark.parametrize("bounded", [0, 1])
def test_strength_zero_is_the_unconditional_model(pair: object, t: float, bounded: int) -> None:
    bounds, strengths = np.array([OPEN, OPEN]), np.array([3.0, 3.0])
    bounds[bounded], strengths[bounded] = LOW, 0.0
    z = torch.from_numpy(ALL_PAIRS)
    generator = pair.generator()  # type: ignore[attr-defined]
    free = generator.clean_probabilities(z, t)
    np.testing.assert_allclose(generator.clean_probabilities(z, t, bounds, strengths), free, atol=1e-6)
    # Which it is not by itself.
    assert (generator.clean_probabilities(z, t, bounds) - free).abs().max() > 0.05


@levels
@pytest.mark.parametrize("strength", [0.5, 2.0, 5.0])
def test_one_strength_is_the_usual_rule(pair: object, t: float, strength: float) -> None:
    # p(x | z, bound) ^ w p(x | z) ^ (1 - w).
    bounds, z = np.array([OPEN, LOW]), torch.from_numpy(ALL_PAIRS)
    usual = posterior(pair, ALL_PAIRS, t, bounds) ** strength * posterior(
        pair, ALL_PAIRS, t, np.array([OPEN, OPEN])
    ) ** (1 - strength)
    usual /= usual.sum(axis=-1, keepdims=True)
    found = pair.generator().clean_probabilities(z, t, bounds, np.array([7.0, strength]))  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, usual, atol=1e-6)


@levels
@pytest.mark.parametrize("strengths", [[2.0, 1.0], [1.0, 4.0], [2.0, 3.0], [0.0, 2.0], [0.0, 0.0]])
def test_two_bounds_have_strengths_of_their_own(pair: object, t: float, strengths: list[float]) -> None:
    bounds, chosen = np.array([LOW, BETWEEN]), np.array(strengths)
    found = pair.generator().clean_probabilities(torch.from_numpy(ALL_PAIRS), t, bounds, chosen)  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, guided(pair, ALL_PAIRS, t, bounds, chosen), atol=1e-6)


@pytest.mark.slow
def test_bounded_samples_are_distributed_as_the_data_that_meet_the_bounds(pair: object) -> None:
    n, bounds = 2048, np.array([LOW, BETWEEN])
    codes = pair.generator().raw_sample(n, np.random.default_rng(0), 60, bounds)  # type: ignore[attr-defined]
    counts = np.bincount(codes @ [3, 1], minlength=9)
    given_both = pair.given(bounds)  # type: ignore[attr-defined]
    assert chisquare(counts, n * given_both.ravel()).pvalue > P_VALUE
    # Which is far from where they come from.
    assert np.abs(given_both - pair.joint).sum() / 2 > 0.2  # type: ignore[attr-defined]
