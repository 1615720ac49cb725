"""Which trials the baselines' hyperparameters are fitted on, and how often."""

from __future__ import annotations

import numpy as np

# They are fitted anew whenever the history has grown by this share.
GROWTH = 0.08


def spread_rows(values: np.ndarray, most: int) -> np.ndarray:
    """At most so many rows, rising: the best of (n,) values, the worst, and those whose ranks are evenly between."""
    if len(values) <= most:
        return np.arange(len(values))
    order = np.argsort(-values, kind="stable")
    return np.sort(order[np.linspace(0, len(values) - 1, most).round().astype(int)])
