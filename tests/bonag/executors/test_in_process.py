from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from bonag.executors.failure import LONGEST, failure_line
from bonag.executors.in_process import InProcessExecutor
from bonag.roles import EXECUTORS
from bonag.running_trial import RunningTrial
from loops.protocols import Job, Report
from search_spaces import Architecture, get_space
from search_spaces.errors import UserError


class Squares:
    metrics = ("accuracy",)
    description = "squares of seeds"

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> dict[str, float]:
        seed = trial.seed
        if seed == 3:
            raise ValueError("three")
        if seed == 4:
            raise SystemExit("an evaluator that leaves")
        if seed == 5:
            raise KeyboardInterrupt
        return {"accuracy": float(seed**2)}


def go_on(report: Report) -> bool:
    return True


def jobs(*seeds: int) -> list[Job]:
    (architecture,) = get_space("nb201").sample(1, np.random.default_rng(0))
    return [Job(index, architecture, seed) for index, seed in enumerate(seeds)]


def test_outcomes_are_metrics_or_the_reason_of_a_failure() -> None:
    outcomes = list(InProcessExecutor().run(Squares(), jobs(2, 3, 4, 6), go_on))
    assert [(o.index, o.metrics, o.reason) for o in outcomes] == [
        (0, {"accuracy": 4.0}, None),
        (1, None, "ValueError: three"),
        (2, None, "SystemExit: an evaluator that leaves"),
        (3, {"accuracy": 36.0}, None),
    ]
    assert all(outcome.seconds >= 0 for outcome in outcomes)


def test_a_wish_to_stop_is_no_failed_trial() -> None:
    with pytest.raises(KeyboardInterrupt):
        list(InProcessExecutor().run(Squares(), jobs(5), go_on))


def test_a_job_is_taken_only_when_the_one_before_has_ended() -> None:
    taken: list[int] = []

    def lazily() -> Iterator[Job]:
        for job in jobs(1, 2, 3):
            taken.append(job.index)
            yield job

    outcomes = InProcessExecutor().run(Squares(), lazily(), go_on)
    for index in range(3):
        assert next(outcomes).index == index
        assert taken == list(range(index + 1))


def test_an_unknown_executor_is_refused_with_the_nearest() -> None:
    assert EXECUTORS.names() == ["local", "ray", "in-process"]
    with pytest.raises(UserError, match=r"^unknown executor 'rai': did you mean 'ray'\?$"):
        EXECUTORS.make("rai")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\nb"), "ValueError: a"),
        (ValueError("\n\n  c  \n"), "ValueError: c"),
        (ValueError(), "ValueError"),
        (KeyError("k"), "KeyError: 'k'"),
    ],
)
def test_a_failure_is_one_line(error: Exception, line: str) -> None:
    assert failure_line(error) == line


def test_a_failure_is_not_longer_than_can_be_read() -> None:
    assert len(failure_line(ValueError("x" * 10_000))) == LONGEST
