from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest

from bonag.callbacks.progress import LiveProgress, PlainProgress, SilentProgress, watching
from bonag.callbacks.tally import Tally
from bonag.cli.warning import warnings_in
from bonag.record.log import RunLog
from loops.config import RunConfig
from loops.history import History, Point, Trial, TrialStatus
from loops.loop import Ended, Reported
from loops.metric_units import duration
from search_spaces import get_space

CONFIG = RunConfig(name="a", space="nb201", evaluator="x", objective="-loss", budget=50)


def trials(*values: float | None) -> list[Trial]:
    architectures = get_space("nb201").sample(len(values), np.random.default_rng(0))
    return [
        Trial(i, a, TrialStatus.FAILED, reason="bad")
        if value is None
        else Trial(i, a, TrialStatus.COMPLETED, {"loss": value})
        for i, (a, value) in enumerate(zip(architectures, values, strict=True))
    ]


def test_the_tally_knows_the_best_the_failed_and_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    past, (better, failed, worse) = trials(3.0, 2.0), trials(9, 9, 1.5, None, 1.6)[2:]
    tally = Tally(CONFIG, History(past))
    assert tally.text() == "best loss 2 (trial 1)"
    now = 102.0
    assert tally.count(better)
    assert not tally.count(failed)
    assert not tally.count(worse)
    # Three in two seconds, and 45 of the 50 are left.
    assert tally.text() == "best loss 1.5 (trial 2), 1 failed, 1.5 trials/s, 30 s left"


def test_the_speed_is_that_of_late(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    tally = Tally(CONFIG, History())
    for trial in trials(*[1.0] * 10):
        tally.count(trial)
    for trial in trials(*[1.0] * 30):
        now += 4.0
        tally.count(trial)
    assert tally.text().endswith("4 s/trial, 40 s left")


def test_plain_lines_come_with_news_and_never_in_a_flood(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    progress = PlainProgress(Tally(CONFIG, History()))
    with progress:
        for trial in trials(*[10.0 - i / 10 for i in range(50)]):
            now += 0.25  # ever better, four times a second
            progress.show(Ended(trial))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 13
    assert lines[0].startswith("[ 4/50] best loss 9.7 (trial 3)")
    assert lines[-1].startswith("[50/50] best loss 5.1 (trial 49)")


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (99, "99 s"), (600, "10 min"), (86_400, "24 h")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_warnings_go_to_the_log_once_each(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings_in(RunLog(tmp_path / "run.log")):
        warnings.simplefilter("always")
        for message in ("jitter\nadded", "jitter\nadded", "other"):
            warnings.warn(message, UserWarning, stacklevel=1)
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert [line.split(" ", 1)[1].split(" (")[0] for line in lines] == [
        "UserWarning: jitter added",
        "UserWarning: other",
    ]
    assert capfd.readouterr().err == ""


def pty_stream() -> TextIO:
    """A terminal to write to."""
    return os.fdopen(os.openpty()[1], "w")


def measured(*rows: tuple[float, float]) -> list[Trial]:
    architectures = get_space("nb201").sample(len(rows), np.random.default_rng(0))
    return [
        Trial(i, a, TrialStatus.COMPLETED, {"loss": loss, "time": time})
        for i, (a, (loss, time)) in enumerate(zip(architectures, rows, strict=True))
    ]


def test_of_several_goals_the_tally_knows_the_front_and_its_volume() -> None:
    config = RunConfig(name="a", space="nb201", evaluator="x", objective=("-loss", "-time"), budget=50)
    rows = measured((1.0, 3.0), (3.0, 1.0), (2.0, 2.0), (3.0, 2.5))
    tally = Tally(config, History(rows[:2]))
    assert tally.text() == "front of 2, hypervolume 0.000"
    assert tally.count(rows[2])
    assert not tally.count(rows[3])
    assert tally.text().startswith("front of 3, hypervolume 0.250, ")


def test_who_breaks_a_constraint_is_counted_and_never_the_best() -> None:
    config = RunConfig(name="a", space="nb201", evaluator="x", objective="-loss", constraints=("time<=2",), budget=50)
    rows = measured((1.0, 3.0), (3.0, 1.0), (2.0, 2.5))
    tally = Tally(config, History(rows[:1]))
    assert tally.text() == "1 infeasible"
    assert tally.count(rows[1])
    assert not tally.count(rows[2])
    assert tally.text().startswith("best loss 3 (trial 1), 2 infeasible, ")


def test_what_was_known_beforehand_is_no_progress_and_may_be_the_best() -> None:
    known, own = trials(1.0, 2.0)
    known = replace(known, provenance={"origin": "known"})
    tally = Tally(CONFIG, History([known, own]))
    assert (tally.done, tally.text()) == (1, "best loss 1 (trial 0)")


def test_stopped_trials_are_no_failures() -> None:
    first, second = trials(1.0, 2.0)
    tally = Tally(CONFIG, History([replace(first, status=TrialStatus.STOPPED)]))
    tally.count(replace(second, status=TrialStatus.STOPPED))
    assert tally.text().startswith("2 stopped, ")
    assert "failed" not in tally.text()


def test_without_a_budget_nobody_says_how_much_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(Tally(replace(CONFIG, budget=None, hours=1.0), History()))
    progress._last = -100.0
    progress.show(Ended(trials(1.0)[0]))
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("[1] best loss 1 (trial 0), ")
    assert "left" not in line


def test_a_report_is_a_sign_of_life(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    progress = PlainProgress(Tally(CONFIG, History()))
    (ended,) = trials(1.0)
    running = replace(ended, index=7, status=TrialStatus.RUNNING, metrics={})
    for step in range(1, 8):
        now += 10.0
        point = Point(step, {"accuracy": 90.0, "loss": 1 / step}, step)
        progress.show(Reported(replace(running, curve=(point,))))
    progress.show(Ended(replace(running, status=TrialStatus.COMPLETED, metrics={"loss": 0.1})))
    assert capsys.readouterr().out.splitlines() == [
        "[ 0/50] trial 7: step 3 loss 0.333333",
        "[ 0/50] trial 7: step 6 loss 0.166667",
        "[ 1/50] best loss 0.1 (trial 7), 70 s/trial, 57 min left",
    ]


def test_python_code_is_shown_how_a_run_goes_where_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally(CONFIG, History())
    kinds = {asked: type(watching(tally, asked)) for asked in (None, True, False)}
    assert kinds == {None: SilentProgress, True: PlainProgress, False: SilentProgress}
    monkeypatch.setattr("sys.stderr", pty_stream())
    assert [type(watching(tally, asked)) for asked in (None, False)] == [LiveProgress, SilentProgress]


def test_lines_that_python_code_asks_for_leave_its_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(Tally(replace(CONFIG, budget=1), History()), True) as shown:
        shown.show(Ended(trials(1.0)[0]))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("[1/1] best loss 1 (trial 0)")
