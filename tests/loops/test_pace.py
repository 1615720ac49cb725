"""How long a run still takes."""

from __future__ import annotations

import numpy as np

from loops.history import KNOWN, History, Trial, TrialStatus
from loops.pace import WINDOW, seconds_left
from search_spaces import get_space

ARCHITECTURES = get_space("nb201").sample(60, np.random.default_rng(0))


def ended(moments: list[float], **more: object) -> list[Trial]:
    return [
        Trial(index, ARCHITECTURES[index], TrialStatus.COMPLETED, ended_at=moment, **more)  # type: ignore[arg-type]
        for index, moment in enumerate(moments)
    ]


def test_the_latest_trials_tell_how_long_the_rest_takes() -> None:
    # The first ones came fast; what counts is one every 3 seconds since.
    moments = [*np.arange(20) / 10, *(2 + 3.0 * np.arange(WINDOW + 1))]
    assert seconds_left(History(ended(moments)), 51) == 30.0


def test_a_pause_is_no_pace() -> None:
    assert seconds_left(History(ended([0, 1, 2, 3, 5000, 5001, 5002])), 10) == 3.0


def test_nothing_tells_before_the_second_end_without_a_budget_or_of_known_trials() -> None:
    assert seconds_left(History(ended([1.0])), 10) is None
    assert seconds_left(History(ended([1.0, 2.0])), None) is None
    assert seconds_left(History(ended([1.0, 2.0, 3.0], provenance={"origin": KNOWN})), 10) is None
    assert seconds_left(History(ended([1.0, 2.0, 3.0])), 3) == 0.0
