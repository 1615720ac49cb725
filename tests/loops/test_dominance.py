"""Fronts, crowding and hypervolumes against their definitions, and against BoTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from hypothesis import given
from hypothesis import strategies as st

from loops.dominance import crowding, hypervolume, hypervolume_growth, non_dominated, ranks

# Few different values, so that ties and equal rows are frequent.
ROWS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12)


def dominates(x: np.ndarray, y: np.ndarray) -> bool:
    return bool((x >= y).all() and (x > y).any())


@given(ROWS)
def test_each_front_is_what_nothing_dominates_once_those_before_it_are_gone(rows: list[tuple[int, ...]]) -> None:
    values = np.array(rows, dtype=float)
    found = ranks(values)
    for i, x in enumerate(values):
        above = [found[j] for j, y in enumerate(values) if dominates(y, x)]
        assert found[i] == max(above, default=-1) + 1


def test_crowding_is_the_distance_of_neighbours_and_ends_are_kept() -> None:
    values = np.array([[0.0, 10.0], [1.0, 8.0], [4.0, 0.0], [1.0, 8.0]])
    assert crowding(values).tolist() == [np.inf, 2.0, np.inf, 0.0]


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_a_hypervolume_is_botorchs(m: int, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(30, m)).round(1)
    reference = np.full(m, -0.7)
    expected = Hypervolume(torch.from_numpy(reference)).compute(torch.from_numpy(points[ranks(points) == 0]))
    assert hypervolume(points, reference) == pytest.approx(expected)


def test_what_is_not_above_the_reference_has_no_volume() -> None:
    assert hypervolume(np.array([[1.0, 0.0], [-1.0, 5.0]]), np.zeros(2)) == 0
    assert hypervolume(np.empty((0, 2)), np.zeros(2)) == 0


@given(ROWS)
def test_a_growing_hypervolume_is_that_of_each_beginning(rows: list[tuple[int, ...]]) -> None:
    points, reference = np.array(rows, dtype=float), np.full(3, 0.5)
    points[::4, 1] = np.nan
    known = [points[: n + 1][~np.isnan(points[: n + 1]).any(axis=1)] for n in range(len(points))]
    assert hypervolume_growth(points, reference) == pytest.approx([hypervolume(one, reference) for one in known])


def test_what_has_no_value_is_the_worst_and_equal_rows_stay_together() -> None:
    values = np.array([[1.0, 2.0], [np.nan, 2.0], [1.0, 2.0], [-np.inf, 3.0], [-np.inf, 2.5]])
    assert non_dominated(values).tolist() == [True, False, True, True, False]
    assert ranks(values).tolist() == [0, 2, 0, 0, 1]
    assert non_dominated(np.empty((0, 2))).tolist() == ranks(np.empty((0, 2))).tolist() == []


def test_the_hypervolume_is_the_area_of_a_staircase() -> None:
    # Steps 3 x 1, 2 x 1 and 1 x 2 over (0, 0); (1, 1) lies below them, and (5, 0) has no height.
    points = np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 4.0], [1.0, 1.0], [5.0, 0.0]])
    assert hypervolume(points, np.zeros(2)) == 3 + 2 + 2
    assert hypervolume(points - 7.0, np.full(2, -7.0)) == 7
    assert hypervolume(np.empty((0, 2)), np.zeros(2)) == 0


def test_the_hypervolume_of_three_goals_is_that_of_a_grid_of_unit_cubes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = rng.integers(0, 6, size=(8, 3)).astype(float)
        cubes = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
        assert hypervolume(points, np.zeros(3)) == (cubes < points).all(axis=2).any(axis=1).sum()
