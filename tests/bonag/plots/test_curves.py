"""How far a run had come: best so far, and dominated shares of the hypervolume."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.plots.curves import best_so_far, extent, volume_share
from loops.history import History
from loops.objective import Objective


def test_the_best_so_far_is_that_of_the_feasible_completed_trials(make) -> None:
    history = make([9.0, 5.0, None, 7.0, 6.0], time=[9.0, 1.0, 0.0, 1.0, 1.0])
    best = best_so_far(history, Objective.parse("accuracy", ["time<=2"]))
    np.testing.assert_array_equal(best, [np.nan, 5, 5, 7, 7])


def test_of_a_minimised_metric_the_smallest_is_the_best(make) -> None:
    np.testing.assert_array_equal(best_so_far(make([3.0, 4.0, 2.0]), Objective.parse("-accuracy")), [3, 3, 2])


def test_the_dominated_share_of_a_staircase_is_known(make) -> None:
    history = make([0.0, 4.0, 2.0, 3.0], time=[4.0, 4.0, 2.0, 0.0])
    objective = Objective.parse(["accuracy", "-time"])
    box = extent([history], objective)
    assert box is not None
    # On a square of 4: an edge only; then 2 * 2; then 3 * 4.
    np.testing.assert_allclose(volume_share(history, objective, box), [0, 0, 0.25, 0.75])


def test_a_third_goal_that_never_varies_changes_nothing(many: History) -> None:
    two, three = Objective.parse(["accuracy", "-params"]), Objective.parse(["accuracy", "-params", "-one"])
    history = History([t for t in many if t.metrics][:300])
    for trial in history:
        trial.metrics["one"] = 1.0  # type: ignore[index]
    two_goals, three_goals = (volume_share(history, o, extent([history], o)) for o in (two, three))  # type: ignore[arg-type]
    # The third goal never varies, so it adds nothing.
    assert two_goals == pytest.approx(three_goals)


@pytest.mark.parametrize("constraints", [(), ("params<=0",)])
def test_the_share_grows_up_to_one(many: History, constraints: tuple[str, ...]) -> None:
    objective = Objective.parse(["accuracy", "-params", "-latency_pixel3"], constraints)
    share = volume_share(many, objective, extent([many], objective))  # type: ignore[arg-type]
    assert (np.diff(share) >= 0).all()
    assert (share.max() == 0) if constraints else (0.5 < share[-1] <= 1)
