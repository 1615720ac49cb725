"""Paired tests and their correction, against values that were worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wilcoxon

from bonag.bench.significance import holm, paired_p


def test_holm_steps_down() -> None:
    # Sorted: 0.01 x 4, 0.02 x 3, 0.03 x 2 = 0.06 (not below the one before), 0.2 x 1.
    assert holm([0.03, 0.01, 0.2, 0.02]) == pytest.approx([0.06, 0.04, 0.2, 0.06])


def test_holm_never_falls_and_never_passes_one() -> None:
    # 0.02 x 3 = 0.06; 0.025 x 2 = 0.05, which a smaller p has above it; 0.9 stays.
    assert holm([0.9, 0.02, 0.025]) == pytest.approx([0.9, 0.06, 0.06])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0


def test_a_difference_in_every_seed_has_the_smallest_p_value_that_the_ranks_allow() -> None:
    # All of 2^6 signs are as likely; all plus and all minus are the two most extreme ones.
    first = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    second = first + np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert paired_p(first, second) == pytest.approx(2 / 2**6)
    assert paired_p(second, first) == paired_p(first, second)


def test_one_pair_against_the_others_by_hand() -> None:
    # Ranks 1 to 5, and only that of 1 is negative: sums of at most 1 in 2 of 2^5 sign patterns, on either side.
    assert paired_p(np.array([-1.0, 2.0, 3.0, 4.0, 5.0]), np.zeros(5)) == pytest.approx(4 / 2**5)


def test_pairs_belong_together() -> None:
    rng = np.random.default_rng(0)
    level = rng.normal(0, 100, 30)
    better = level + rng.uniform(0.5, 1, 30)
    assert paired_p(better, level) < 1e-6
    assert paired_p(better, rng.permutation(level)) > 0.01


def test_equal_pairs_tell_nothing() -> None:
    assert paired_p(np.ones(50), np.ones(50)) == 1.0
    # Two of fifty differ: they rank last, yet two are no evidence.
    differences = np.zeros(50)
    differences[:2] = 1.0
    assert paired_p(differences, np.zeros(50)) == pytest.approx(wilcoxon(differences, zero_method="pratt").pvalue)
    assert paired_p(differences, np.zeros(50)) > 0.1
