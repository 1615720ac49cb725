"""What people change beside a search: it is kept, it is noticed, and no proposal hangs on it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import bonag
from bonag.record import Address, create_record, open_record, read_record
from bonag.record.editing import Place, ask_to_stop, delete_run, raise_budget, write_notes
from bonag.record.note_rows import LONGEST_NOTE, Note
from bonag.record.schema import VERSION
from loops.config import RunConfig
from loops.ending import RunState
from loops.history import Trial
from loops.loop import Ended, Event
from search_spaces import Architecture
from search_spaces.errors import UserError

NOTE = Note("the first\n  good one", ("good", "to export"))


def measure(architecture: Architecture) -> float:
    return float(sum("conv" in edge for edge in str(architecture).split("|")))


def slowly(architecture: Architecture) -> float:
    time.sleep(0.3)
    return measure(architecture)


def search(out: Path, name: str = "a-run", callback: Callable[[Event], None] | None = None, **more: object) -> None:
    options = {"evaluator": measure, "strategy": "evolution", "budget": 16, "seed": 3, "out": out, "name": name} | more
    bonag.search("nb201", callbacks=[callback] if callback else [], **options)  # type: ignore[arg-type]


def columns(folder: Path) -> list[list[object]]:
    return bonag.load(folder).trials[["architecture", "status", "accuracy", "origin"]].values.tolist()


@pytest.fixture(params=["a file", "a server"])
def place(request: pytest.FixtureRequest, tmp_path: Path, config: RunConfig, trials: list[Trial]) -> Place:
    """A run of six trials that were left running, in either kind of record."""
    address = None
    if request.param == "a server":
        address = Address.parse(request.getfixturevalue("postgres_url")())
    with create_record(tmp_path, config, "", address) as record:
        record.add(trials)
    return Place(config.name, tmp_path / "a-run", address)


def test_notes_are_kept_beside_the_trials_and_changed_and_dropped(place: Place) -> None:
    folder = place.folder
    assert folder is not None
    before = read_record(folder)
    write_notes(place, 2, NOTE)
    write_notes(place, None, Note("about the run"))
    found = read_record(folder)
    assert found.notes == {None: Note("about the run"), 2: NOTE}
    assert found.history.trials == before.history.trials
    with open_record(folder):  # somebody executes it
        write_notes(place, 2, Note("", ("other",)))
        write_notes(place, None, Note())
    assert read_record(folder).notes == {2: Note("", ("other",))}
    frame = bonag.load(folder).trials
    assert frame["tags"].fillna("").tolist() == ["", "", "other", "", "", ""]
    assert frame["note"].isna().all()
    with pytest.raises(UserError, match="run 'a-run' has no trial 6"):
        write_notes(place, 6, NOTE)


def test_a_budget_only_grows_and_a_run_that_is_over_waits_to_go_on(place: Place) -> None:
    folder = place.folder
    assert folder is not None
    with open_record(folder) as record:
        record.set_state(RunState.FINISHED)
    for budget in (50, 3):
        with pytest.raises(UserError, match="the budget of run 'a-run' is 50 already"):
            raise_budget(place, budget)
    raise_budget(place, 60)
    found = read_record(folder)
    assert (found.config.budget, found.state) == (60, RunState.INTERRUPTED)
    with pytest.raises(UserError, match="run 'a-run' does not run"):
        ask_to_stop(place)


def test_what_is_executed_cannot_be_deleted_and_what_is_deleted_is_gone(place: Place, tmp_path: Path) -> None:
    folder = place.folder
    assert folder is not None
    write_notes(place, 1, NOTE)
    (folder / "trials" / "1").mkdir(parents=True)
    with open_record(folder), pytest.raises(UserError, match="run 'a-run' runs: stop it first"):
        delete_run(place)
    assert len(read_record(folder).history) == 6
    delete_run(place)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError):
        write_notes(place, 1, NOTE)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.numeric
def test_a_run_that_is_asked_to_stop_ends_and_goes_on_as_if_nothing_had_happened(tmp_path: Path, workers: int) -> None:
    place = Place("a-run", tmp_path / "a-run")

    def visit(event: Event) -> None:
        if isinstance(event, Ended) and event.trial.index == 3:
            write_notes(place, 3, NOTE)
            ask_to_stop(place)
            assert read_record(tmp_path / "a-run").stop_asked

    search(tmp_path, callback=visit, workers=workers, trial_timeout="60s", evaluator=slowly)
    stopped = read_record(tmp_path / "a-run")
    assert (stopped.state, stopped.stop_asked, stopped.history.pending) == (RunState.INTERRUPTED, False, ())
    assert 4 <= len(stopped.history) < 16
    resumed = bonag.resume(tmp_path / "a-run")
    assert (resumed.state, len(resumed.history), resumed.notes) == (RunState.FINISHED, 16, {3: NOTE})
    if workers == 1:
        search(tmp_path, "whole", evaluator=slowly)
        assert columns(tmp_path / "a-run") == columns(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.numeric
def test_a_run_whose_budget_grows_goes_on_and_notes_change_no_proposal(tmp_path: Path) -> None:
    place = Place("a-run", tmp_path / "a-run")

    def visit(event: Event) -> None:
        if isinstance(event, Ended):
            write_notes(place, event.trial.index, Note(str(event.trial.architecture), ("best", "again")))
            if event.trial.index == 15:
                raise_budget(place, 24)

    search(tmp_path, callback=visit)
    search(tmp_path, "whole", budget=24)
    found = bonag.load(tmp_path / "a-run")
    assert (found.state, found.config.budget, len(found.notes)) == (RunState.FINISHED, 24, 24)
    assert columns(tmp_path / "a-run") == columns(tmp_path / "whole")


def test_a_budget_that_grows_as_a_run_ends_is_not_lost(place: Place) -> None:
    folder = place.folder
    assert folder is not None
    with open_record(folder) as record:
        raise_budget(place, 70)
        record.set_state(RunState.FINISHED)
    assert (read_record(folder).state, read_record(folder).config.budget) == (RunState.INTERRUPTED, 70)


def test_a_record_of_version_5_opens_and_is_brought_up_to_date_by_a_note(
    tmp_path: Path, config: RunConfig, trials: list[Trial], make_older: Callable[[Path, int], None]
) -> None:
    with create_record(tmp_path, config, "") as record:
        record.add(trials)
    folder = tmp_path / "a-run"
    make_older(folder, 5)
    assert read_record(folder).notes == {}
    write_notes(Place("a-run", folder), 0, NOTE)
    found = read_record(folder)
    assert (found.notes, len(found.history)) == ({0: NOTE}, len(trials))
    with closing(sqlite3.connect(folder / "record.db")) as connection:
        assert connection.execute("SELECT version FROM bonag_schema").fetchall() == [(VERSION,)]


@pytest.mark.parametrize("text", ["x" * (LONGEST_NOTE + 1), "fine"])
def test_what_is_too_long_is_refused(text: str) -> None:
    tags = () if text != "fine" else ("x" * 41,)
    with pytest.raises(UserError, match="characters at most"):
        Note.of(text, tags)
    assert Note.of("  a \n b  ", [" x  y ", "", "x y"]) == Note("a\n b", ("x y",))


def test_a_note_that_was_edited_into_nonsense_is_told(place: Place) -> None:
    if place.address is not None:
        pytest.skip("the same rows")
    write_notes(place, 1, NOTE)
    assert place.folder is not None
    with closing(sqlite3.connect(place.folder / "record.db", isolation_level=None)) as connection:
        connection.execute("UPDATE bonag_notes SET tags = 'no list'")
    with pytest.raises(UserError, match="the note of trial 1 makes no sense"):
        read_record(place.folder)
