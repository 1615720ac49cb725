"""When and on what models are fitted anew."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bonag.predictors.schedule import informative_rows, prefix, spread_rows

MOST = 256


@given(st.integers(1, 5000), st.floats(0.01, 1))
def test_a_prefix_lags_by_less_than_the_share_and_never_shrinks(n: int, growth: float) -> None:
    length = prefix(n, growth)
    assert 1 <= length <= n < length + max(1, growth * length) + 1e-9
    assert length <= prefix(n + 1, growth)
    assert prefix(length, growth) == length


@given(st.integers(1, 800), st.integers(0, 99))
def test_the_best_rows_are_alwaysinformative_rows(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 50, size=n).astype(float)
    rows = informative_rows(values, MOST)
    assert len(rows) == min(n, MOST)
    assert (np.diff(rows) > 0).all()
    left_out = np.setdiff1d(np.arange(n), rows)
    if len(left_out):
        assert np.sort(values)[-(MOST // 2)] >= values[left_out].max()
        # The rest is spread over the whole search, early and late.
        assert np.diff(rows).max() <= 2 + 4 * n / MOST


def test_rows_are_spread_over_the_ranks() -> None:
    values = np.random.default_rng(0).normal(size=500)
    rows = spread_rows(values, 50)
    assert len(rows) == len(set(rows.tolist())) == 50
    assert (np.diff(rows) > 0).all()
    assert {int(values.argmax()), int(values.argmin())} <= set(rows.tolist())
    assert spread_rows(values[:50], 50).tolist() == list(range(50))
