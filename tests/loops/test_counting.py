from __future__ import annotations

from dataclasses import replace

import pytest

from loops.counting import count_words, report_words
from loops.history import History, Point, Trial, TrialStatus
from search_spaces import SearchSpace


@pytest.fixture
def trials(tiny_space: SearchSpace) -> list[Trial]:
    architectures = tiny_space.all() or []
    statuses = ["completed", "completed", "stopped", "failed", "abandoned", "running"]
    found = [Trial(i, architectures[i], TrialStatus(status)) for i, status in enumerate(statuses)]
    return [replace(found[0], provenance={"origin": "known"}), *found[1:]]


def test_known_trials_are_no_trials_of_the_budget(trials: list[Trial]) -> None:
    words = "5 trials of 9, 1 known, 1 stopped, 1 failed, 1 abandoned, 1 running"
    assert count_words(History(trials), 9) == words
    assert count_words(History(trials[1:2]), None) == "1 trials"


def test_the_last_report_is_told_by_what_counts(trials: list[Trial]) -> None:
    running = replace(trials[5], curve=(Point(3, {"loss": 0.25, "accuracy": 91.25}, 8),))
    assert report_words(running, ("accuracy",)) == "step 3 accuracy 91.25 %"
    assert report_words(running, ("macs",)) == "step 3 loss 0.25"
    assert report_words(trials[5], ("accuracy",)) is None
