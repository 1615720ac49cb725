from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import bonag
from bonag import UserError
from bonag.record import open_record
from loops.ending import RunState
from loops.loop import Event, Proposed
from search_spaces import Architecture

Measure = Callable[[Architecture], float]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cut(measure: Measure) -> Path:
    """A run of batches of three that was interrupted while trials 3, 4 and 5 were running."""

    def interrupt(event: Event) -> None:
        if isinstance(event, Proposed) and event.trials[-1].index == 5:
            raise KeyboardInterrupt

    options = {"strategy": "evolution", "budget": 9, "batch_size": 3, "executor": "in-process", "name": "cut"}
    with pytest.raises(KeyboardInterrupt):
        bonag.search("nb201", evaluator=measure, callbacks=[interrupt], **options)
    return Path("results/cut")


def test_a_run_goes_on_without_what_was_abandoned_which_counts_towards_its_budget(cut: Path, measure: Measure) -> None:
    events = bonag.load(cut).history.events
    bonag.abandon("cut", 5, 3)
    history = bonag.load(cut).history
    assert [trial.index for trial in history.pending] == [4]
    assert [(trial.status, trial.reason) for trial in (history.trials[3], history.trials[5])] == [
        ("abandoned", "abandoned by hand")
    ] * 2
    assert [history.trials[index].ended_event for index in (5, 3)] == [events, events + 1]

    def never(architecture: Architecture) -> float:
        assert architecture not in {history.trials[3].architecture, history.trials[5].architecture}
        return measure(architecture)

    result = bonag.resume(cut, evaluator=never)
    assert (result.state, len(result.history), len(result.history.completed)) == (RunState.FINISHED, 9, 7)
    assert {trial.status for trial in result.history} == {"abandoned", "completed"}


def test_what_cannot_be_abandoned_is_refused_and_nothing_changes(cut: Path) -> None:
    for trials, words in (
        ((3, 0), "trial 0 of run 'cut' does not run: it is completed"),
        ((3, 6), "run 'cut' has no trial 6: its 6 trials are counted from 0"),
        ((-1,), "run 'cut' has no trial -1"),
    ):
        with pytest.raises(UserError, match=words):
            bonag.abandon("cut", *trials)
    assert [trial.index for trial in bonag.load(cut).history.pending] == [3, 4, 5]


@pytest.mark.slow
def test_a_live_run_is_left_alone(cut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bonag.record.writing.PATIENCE", 0.0)
    with open_record(cut), pytest.raises(UserError, match="is being written by"):
        bonag.abandon("cut", 3)
    assert len(bonag.load(cut).history.pending) == 3


def test_a_finished_evaluation_that_is_not_recorded_yet_is_never_given_up(cut: Path) -> None:
    from loops.protocols import Job, Outcome
    from loops.seeding import trial_seed
    from loops.trial_folder import keep_outcome

    trial = bonag.load(cut).history.trials[4]
    job = Job(4, trial.architecture, trial_seed(0, 4), cut / "trials" / "4")
    keep_outcome(job, Outcome(4, {"accuracy": 1.0}, None, 1.0))
    with pytest.raises(UserError, match="trial 4 of run 'cut' has ended: `bonag resume` records it"):
        bonag.abandon("cut", 4)


def test_the_command_says_how_to_go_on(cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from bonag.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["abandon", "cut", "3", "4"])
    assert not ended.value.code
    assert capsys.readouterr().out == "abandoned: trial 3, 4; go on by `bonag resume cut`\n"
    with pytest.raises(SystemExit) as ended:
        main(["abandon", "cut", "3"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: trial 3 of run 'cut' does not run: it is abandoned\n"
    with pytest.raises(SystemExit):
        main(["list", "--json"])
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["abandoned"], one["running"], one["completed"], one["queries"]) == (2, 1, 3, 6)
