"""Results are remembered by what they were computed from."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from bonag.remembered import Remembered


@pytest.mark.parametrize(("size", "found"), [(1, [0, 0, 1, 2, 3]), (2, [0, 0, 1, 0, 2])])
def test_only_the_latest_are_remembered(size: int, found: list[int]) -> None:
    memory, fresh = Remembered[int](size), count()
    asked = [[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [3.0]]
    assert [memory.get(np.array(values), compute=lambda: next(fresh)) for values in asked] == found
