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
        first = non_dominated(values[left])
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


def hypervolume(points: np.ndarray, reference: np.ndarray) -> float:
    """The volume of what some point dominates and the reference point does not: (n, m) points, (m,) reference.

    Larger is better in every column; points that are not above the reference in all of them add nothing. By slicing
    (While et al., 2006, "A Faster Algorithm for Calculating Hypervolume"), which suits fronts of up to hundreds of
    points and a few columns.
    """
    above = np.unique(points[(points > reference).all(axis=1)], axis=0)
    if len(above) == 0:
        return 0.0
    front = above[non_dominated(above)]
    front = front[np.argsort(-front[:, 0], kind="stable")]
    if front.shape[1] == 1:
        return float(front[0, 0] - reference[0])
    # Between one value of the first column and the next, the points from the larger one up are there.
    depths = front[:, 0] - np.append(front[1:, 0], reference[0])
    if front.shape[1] == 2:
        return float(depths @ (np.maximum.accumulate(front[:, 1]) - reference[1]))
    slices = (hypervolume(front[: i + 1, 1:], reference[1:]) for i in range(len(front)))
    return float(sum(depth * volume for depth, volume in zip(depths, slices, strict=True)))


def non_dominated(values: np.ndarray) -> np.ndarray:
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
