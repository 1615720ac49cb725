"""When a run ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from loops.ending import failures_in_a_row, reason_to_end
from loops.history import KNOWN, History, Trial, TrialStatus
from search_spaces import get_space

CELLS = get_space("nb201").sample(30, np.random.default_rng(0))


def history(values: Sequence[float | None], known: int = 0, order: Sequence[int] | None = None) -> History:
    """Trials that ended with these accuracies, None for a failure; the first ``known`` of them before the run."""
    places = list(order or range(len(values)))
    return History(
        Trial(
            index,
            CELLS[index],
            TrialStatus.FAILED if value is None else TrialStatus.COMPLETED,
            {} if value is None else {"accuracy": value, "macs": 1.0},
            provenance={"origin": KNOWN} if index < known else {},
            proposed_event=index,
            ended_event=len(values) + places[index],
        )
        for index, value in enumerate(values)
    )


def test_the_budget_counts_queries_and_not_what_was_known(tiny_config: Any) -> None:
    config = tiny_config(budget=3)
    assert reason_to_end(config, history([1, 2]), 0) is None
    assert reason_to_end(config, history([1, None, 2]), 0) == ""
    assert reason_to_end(config, history([1, 2, 3], known=1), 0) is None
    assert reason_to_end(config, history([1, 2, 3, 4], known=1), 0) == ""


def test_hours_end_a_run(tiny_config: Any) -> None:
    config = tiny_config(budget=None, hours=1.5)
    assert reason_to_end(config, history([1] * 20), 5399) is None
    assert reason_to_end(config, history([1]), 5400) == "1.5 hours are over"


@pytest.mark.parametrize(
    ("objective", "target", "values", "reason"),
    [
        ("accuracy", "accuracy=94", [93, 93.9], None),
        ("accuracy", "accuracy=94", [93, 94, 95], "trial 1 reached accuracy 94"),
        ("-accuracy", "accuracy=2", [3, 2.5], None),
        ("-accuracy", "accuracy=2", [3, 1.5], "trial 1 reached accuracy 1.5"),
    ],
)
def test_a_target_ends_a_run(
    objective: str, target: str, values: list[float], reason: str | None, tiny_config: Any
) -> None:
    assert reason_to_end(tiny_config(objective=objective, target=target), history(values), 0) == reason


def test_a_target_is_reached_by_what_meets_the_constraints(tiny_config: Any) -> None:
    config = tiny_config(target="accuracy=94", constraints=("macs<=0.5",))
    assert reason_to_end(config, history([95]), 0) is None


@pytest.mark.parametrize(
    ("values", "since"),
    [([1, 2, 3], 0), ([3, 2, 1], 2), ([1, 3, 3, 3], 2), ([1, None, None, None], 3), ([None, None], 2), ([5], 0)],
)
def test_patience_counts_trials_that_were_no_better(values: list[float | None], since: int, tiny_config: Any) -> None:
    assert reason_to_end(tiny_config(patience=since + 1), history(values), 0) is None
    if since:
        reason = f"{since} trials in a row were no better"
        assert reason_to_end(tiny_config(patience=since), history(values), 0) == reason


def test_failures_are_counted_in_the_order_of_their_ends() -> None:
    failed = history([None, 1, None, None], order=[3, 0, 1, 2])
    assert [trial.index for trial in failures_in_a_row(failed)] == [2, 3, 0]
    assert [trial.index for trial in failures_in_a_row(failed, since=3)] == [3]
    assert failures_in_a_row(history([None, 1], order=[0, 1])) == []
