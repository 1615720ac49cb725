"""Whether one strategy is better than others: paired tests, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DECIMALS = 9


def paired_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p-value of the Wilcoxon signed-rank test (Wilcoxon, 1945) that paired values are alike.

    first, second: (n,), one value per seed. Equal pairs take part in the ranking and are dropped after it (Pratt,
    1959), so that many of them do not make a few others look certain. 1 where all pairs are equal.
    """
    from scipy.stats import wilcoxon

    # Rounded, for what differs by the error of a subtraction is alike.
    differences = np.round(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64), DECIMALS)
    if not differences.any():
        return 1.0
    return float(wilcoxon(differences, zero_method="pratt").pvalue)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """(k,) p-values -> (k,) ones that hold for all k comparisons together (Holm, 1979: step-down Bonferroni)."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
