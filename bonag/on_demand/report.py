"""What is true of generated architectures: validity, uniqueness, novelty, diversity, and whether wishes are met."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bonag.generators.split import held_out
from search_spaces import Architecture, SearchSpace


def valid_share(space: SearchSpace, raw: np.ndarray) -> float:
    """Raw validity: the share of (n, S) codes, as they left the generator, that are graphs of the space."""
    return float(np.mean([space.is_valid(space.graph(code)) for code in raw])) if len(raw) else float("nan")


def unique_share(architectures: Sequence[Architecture]) -> float:
    """Uniqueness: distinct architectures as a share of all."""
    return len(set(architectures)) / len(architectures) if architectures else float("nan")


def novel_share(architectures: Sequence[Architecture], trained_on: set[bytes], space: SearchSpace) -> float:
    """Novelty: the share of the distinct architectures that were not in the training data."""
    distinct = list(dict.fromkeys(architectures))
    if not distinct:
        return float("nan")
    return float(np.mean([code.tobytes() not in trained_on for code in space.codes(distinct)]))


def held_out_share(architectures: Sequence[Architecture]) -> float:
    """The share of the distinct architectures that are of the tenth of the space that is held out from training."""
    distinct = set(architectures)
    return sum(map(held_out, distinct)) / len(distinct) if distinct else float("nan")


def diversity(codes: np.ndarray) -> float:
    """The mean number of sites in which two of the (n, S) codes differ, over all pairs."""
    n = len(codes)
    if n < 2:
        return float("nan")
    total = 0.0
    for site in codes.T:
        counts = np.unique(site, return_counts=True)[1].astype(np.float64)
        total += 1 - (counts * (counts - 1)).sum() / (n * (n - 1))
    return float(total)
