"""Which of several trials are better where they are compared by more than one number: larger is better in each."""

from __future__ import annotations

import numpy as np


def ranks(values: np.ndarray) -> np.ndarray:
    """The front that each row of (n, m) values lies on: (n,) int, 0 where no other row dominates it.

    A row dominates another if it is nowhere smaller and somewhere larger. Without the fronts before it, each front is
    what nothing dominates (Deb et al., 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II").
    """
    found = np.full(len(values), -1)
    left = np.arange(len(values))
    number = 0
    while len(left):
        first = _non_dominated(values[left])
        found[left[first]] = number
        left, number = left[~first], number + 1
    return found


def crowding(values: np.ndarray) -> np.ndarray:
    """The crowding distance of each row of one front, (n, m) -> (n,) (Deb et al., 2002): infinite at its ends.

    The sum over columns of the distance between the two neighbours, as a share of the column's range. Of equal rows
    all but the first have none, since keeping them would add nothing.
    """
    _, first, place = np.unique(values, axis=0, return_index=True, return_inverse=True)
    rows = values[first]
    distance = np.zeros(len(rows))
    for column in rows.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if span > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    spread = np.zeros(len(values))
    spread[first] = distance[place.reshape(-1)[first]]
    return spread


def _non_dominated(values: np.ndarray) -> np.ndarray:
    """Whether no other row dominates it: (n, m) -> (n,) bool."""
    n, m = values.shape
    if m == 1:
        return values[:, 0] == values[:, 0].max(initial=-np.inf)
    first = np.ones(n, dtype=bool)
    # Whatever dominates a row has a larger sum, or by rounding an equal one, so most rows fall to an early one.
    for i in np.argsort(-values.sum(axis=1), kind="stable"):
        if first[i]:
            first &= ~((values <= values[i]).all(axis=1) & (values < values[i]).any(axis=1))
    return first
