"""What a search has gained, in a few numbers and in words."""

from __future__ import annotations

import numpy as np
import pytest

from loops.gain import POINTS, gain, heights
from loops.objective import Objective

ONE, TWO = Objective.parse("accuracy"), Objective.parse(["accuracy", "-time"], ["time<=3"])


def table(**columns: list[float]) -> dict[str, np.ndarray]:
    return {name: np.array(values) for name, values in columns.items()}


def test_one_goal_is_told_by_its_best_value_and_unit() -> None:
    found = gain(ONE, table(accuracy=[80.0, 90.0, 85.0]))
    assert (found.best, found.front, found.rise) == (90.0, None, (0.0, 1.0, 1.0))
    assert found.words(ONE) == "90 %"
    assert found.words(ONE, {"accuracy": "points"}) == "90 points"
    assert found.words(ONE, {"accuracy": ""}) == "90"


def test_several_goals_are_told_by_their_front() -> None:
    found = gain(TWO, table(accuracy=[80.0, 90.0, 85.0, 95.0], time=[1.0, 2.0, 2.5, 9.0]))
    # The box reaches from 80 to 95 and from 1 to 9; what breaks the bound dominates nothing.
    assert (found.best, found.front) == (90.0, 2)
    assert found.volume == pytest.approx(10 / 15 * 7 / 8)
    assert found.words(TWO) == "front of 2, hypervolume 0.583"
    assert found.rise[-1] == 1.0


@pytest.mark.parametrize("objective", [ONE, TWO])
def test_nothing_feasible_is_nothing(objective: Objective) -> None:
    for values in (table(accuracy=[], time=[]), table(accuracy=[np.nan], time=[9.0])):
        found = gain(objective, values)
        assert (found.best, found.rise, found.words(objective)) == (None, (), None)


def test_a_rise_has_few_points_and_what_is_far_off_hides_nothing() -> None:
    assert len(gain(ONE, table(accuracy=list(range(1000)))).rise) == POINTS
    assert heights(np.array([93.0, 93.0])) == (1.0, 1.0)
    rise = heights(np.array([-1000.0, 93.0, 94.0, 95.0]))
    assert rise[0] == 0.0
    assert rise[1] < 0.9
