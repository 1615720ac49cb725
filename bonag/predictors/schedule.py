"""When and on what models are fitted anew: it follows from the trials alone."""

from __future__ import annotations

import numpy as np


def prefix(n: int, growth: float) -> int:
    """The largest scheduled length up to n: each is the one before, grown by the share, and at least by one."""
    length = 1
    while (following := length + max(1, int(length * growth))) <= n:
        length = following
    return length


def informative_rows(values: np.ndarray, most: int) -> np.ndarray:
    """At most so many rows of (n,) values, in order: the better half of them the best, the others evenly spread."""
    if len(values) <= most:
        return np.arange(len(values))
    order = np.argsort(-values, kind="stable")
    half = most // 2
    rest = np.sort(order[half:])
    spread = rest[np.linspace(0, len(rest) - 1, most - half).round().astype(int)]
    return np.sort(np.concatenate([order[:half], spread]))


def spread_rows(values: np.ndarray, most: int) -> np.ndarray:
    """At most so many rows, rising: the best of (n,) values, the worst, and those whose ranks are evenly between."""
    if len(values) <= most:
        return np.arange(len(values))
    order = np.argsort(-values, kind="stable")
    return np.sort(order[np.linspace(0, len(values) - 1, most).round().astype(int)])
