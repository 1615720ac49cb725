"""Which of several trials are better where they are compared by more than one number: larger is better in each.

Fronts and volumes are moocore's (López-Ibáñez, Paquete et al.), which comes with pymoo: exact, and a hundred times as
fast as the same in NumPy. It is imported where it is used.
"""

from __future__ import annotations

import numpy as np


def non_dominated(values: np.ndarray) -> np.ndarray:
    """Whether no other row dominates it: (n, m) -> (n,) bool. Of equal rows, all are or none is.

    A row dominates another if it is nowhere smaller and somewhere larger.
    """
    import moocore

    return moocore.is_nondominated(_finite(values), maximise=True, keep_weakly=True)


def ranks(values: np.ndarray) -> np.ndarray:
    """The front that each row of (n, m) values lies on: (n,) int, 0 where no other row dominates it.

    Without the fronts before it, each front is what nothing dominates (Deb et al., 2002, "A Fast and Elitist
    Multiobjective Genetic Algorithm: NSGA-II").
    """
    import moocore

    return moocore.pareto_rank(_finite(values), maximise=True)


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

    Larger is better in every column; points that are not above the reference in all of them add nothing.
    """
    import moocore

    return float(moocore.hypervolume(points, ref=reference, maximise=True))


def hypervolume_growth(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The hypervolume of the first 1, 2, ... n of (n, m) points: (n,). A point with a nan adds nothing."""
    volumes, front = np.zeros(len(points)), np.empty((0, len(reference)))
    for place, point in enumerate(points):
        if np.isfinite(point).all() and not (front >= point).all(axis=1).any():
            front = np.vstack([front[~(point >= front).all(axis=1)], point])
            volumes[place] = hypervolume(front, reference)
    return np.maximum.accumulate(volumes)


def _finite(values: np.ndarray) -> np.ndarray:
    # moocore takes infinities and nans for any number: here they are the largest and the smallest there are.
    return np.nan_to_num(values, nan=-np.finfo(np.float64).max)
