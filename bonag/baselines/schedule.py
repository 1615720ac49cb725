"""When models are fitted anew, and on which trials: both follow from the history alone."""

from __future__ import annotations

import numpy as np

GROWTH = 0.08


def prefix(n: int) -> int:
    """How many of n trials the hyperparameters are fitted on: the last length that is a step of GROWTH from another."""
    length = 1
    while (following := length + max(1, int(length * GROWTH))) <= n:
        length = following
    return length


def spread_rows(values: np.ndarray, most: int) -> np.ndarray:
    """At most so many rows, rising: the best of (n,) values, the worst, and those whose ranks are evenly between."""
    if len(values) <= most:
        return np.arange(len(values))
    order = np.argsort(-values, kind="stable")
    return np.sort(order[np.linspace(0, len(values) - 1, most).round().astype(int)])
