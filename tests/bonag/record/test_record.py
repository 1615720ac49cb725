"""What every record promises, in a file and in a real PostgreSQL server alike."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bonag.record import Address, NameTakenError, create_record, open_record, read_record
from loops.config import RunConfig
from loops.ending import RunState
from loops.history import History, Trial, TrialStatus
from search_spaces.errors import UserError

# Opens the run at argv[1] as its writer, says so, and then lives on.
HOLD = """
import sys, time
from pathlib import Path
from bonag.record import open_record
record = open_record(Path(sys.argv[1]))
record.set_state("running")
print("open", flush=True)
time.sleep(600)
"""


@pytest.fixture(params=["file", "postgres"])
def address(request: pytest.FixtureRequest) -> Address | None:
    """Where the record is to be: None for a file."""
    if request.param == "file":
        return None
    return Address.parse(request.getfixturevalue("postgres_url")())


@pytest.fixture
def holder() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Starts processes that are a run's live writer."""
    processes: list[subprocess.Popen[str]] = []

    def start(folder: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def completed(trial: Trial, value: float) -> Trial:
    metrics = {"accuracy": value, "latency": value / 3}
    return replace(trial, status=TrialStatus.COMPLETED, metrics=metrics, ended_at=2e9 + 1 / 3, evaluation_seconds=0.1)


def same(one: History, other: History) -> bool:
    return one.trials == other.trials


def test_every_trial_comes_back_exactly(
    tmp_path: Path, config: RunConfig, trials: list[Trial], address: Address | None
) -> None:
    ended = [
        completed(trials[0], 0.1 + 0.2),
        completed(trials[1], -1.7976931348623157e308),
        replace(trials[2], status=TrialStatus.FAILED, reason="ValueError: 'quotes' \"and\" ünïcode", ended_at=1.0),
        replace(trials[3], status=TrialStatus.ABANDONED, reason=None),
    ]
    with create_record(tmp_path, config, "what the numbers are", address) as record:
        record.add(trials[:3])
        record.add(trials[3:])
        for trial in ended:
            record.finish(trial)
    snapshot = read_record(tmp_path / "a-run")
    assert same(snapshot.history, History([*ended, *trials[4:]]))
    assert snapshot.description == "what the numbers are"
    assert snapshot.config == replace(config, record=address.public if address else None)
    with open_record(tmp_path / "a-run") as record:
        assert same(record.history(), snapshot.history)
        assert record.config == snapshot.config


def test_writing_an_event_twice_changes_nothing(
    tmp_path: Path, config: RunConfig, trials: list[Trial], address: Address | None
) -> None:
    with create_record(tmp_path, config, "", address) as record:
        for _ in range(2):
            record.add(trials[:2])
        for _ in range(2):
            record.finish(completed(trials[0], 5.0))
        record.add(trials)
    assert same(read_record(tmp_path / "a-run").history, History([completed(trials[0], 5.0), *trials[1:]]))


def test_a_trial_that_was_never_added_cannot_end(
    tmp_path: Path, config: RunConfig, trials: list[Trial], address: Address | None
) -> None:
    with create_record(tmp_path, config, "", address) as record:
        record.add(trials[:1])
        with pytest.raises(RuntimeError, match="trial 1 of run 'a-run' was never added"):
            record.finish(completed(trials[1], 5.0))
    assert same(read_record(tmp_path / "a-run").history, History(trials[:1]))


@pytest.mark.slow
def test_state_reason_and_liveness(
    tmp_path: Path, config: RunConfig, address: Address | None, holder: Callable[[Path], subprocess.Popen[str]]
) -> None:
    folder = tmp_path / "a-run"
    with create_record(tmp_path, config, "", address) as record:
        snapshot = read_record(folder)
        assert (snapshot.state, snapshot.live) == (RunState.RUNNING, True)
        record.set_state(RunState.STOPPED, "because", forgiven=7)
        assert read_record(folder).state is RunState.STOPPED
    snapshot = read_record(folder)
    assert (snapshot.state, snapshot.reason, snapshot.forgiven, snapshot.live) == ("stopped", "because", 7, False)
    with open_record(folder) as record:
        record.set_state(RunState.RUNNING)
    # Nobody runs it, whatever the record says.
    assert read_record(folder).state is RunState.INTERRUPTED
    process = holder(folder)
    assert read_record(folder).state is RunState.RUNNING
    process.kill()
    process.wait()
    time.sleep(0.3)
    assert read_record(folder).state is RunState.INTERRUPTED


@pytest.mark.slow
def test_one_writer_at_a_time_until_it_is_killed(
    tmp_path: Path,
    config: RunConfig,
    trials: list[Trial],
    address: Address | None,
    holder: Callable[[Path], subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bonag.record.opening.PATIENCE", 0.2)
    folder = tmp_path / "a-run"
    with create_record(tmp_path, config, "", address) as record:
        record.add(trials[:1])
    process = holder(folder)
    with pytest.raises(UserError, match=f"is being written by process {process.pid}, which is alive"):
        open_record(folder)
    process.kill()  # SIGKILL
    process.wait()
    monkeypatch.setattr("bonag.record.opening.PATIENCE", 3.0)
    with open_record(folder) as record:
        assert same(record.history(), History(trials[:1]))


def test_a_taken_name_is_refused_and_what_is_there_stays(
    tmp_path: Path, config: RunConfig, trials: list[Trial], address: Address | None
) -> None:
    with create_record(tmp_path, config, "", address) as record:
        record.add(trials[:1])
    with pytest.raises(NameTakenError, match=r"already: choose another name"):
        create_record(tmp_path, config, "", address)
    assert same(read_record(tmp_path / "a-run").history, History(trials[:1]))
    assert [path.name for path in tmp_path.iterdir()] == ["a-run"]


def test_a_trial_of_another_space_is_refused(
    tmp_path: Path, config: RunConfig, trials: list[Trial], address: Address | None
) -> None:
    with create_record(tmp_path, replace(config, space="mbv3"), "", address) as record:
        record.add(trials[:1])
    with pytest.raises(UserError, match="trial 0 makes no sense"):
        read_record(tmp_path / "a-run")


def test_a_trial_is_seen_when_add_returns_and_an_outcome_is_on_disk_when_finish_does(
    tmp_path: Path, config: RunConfig, trials: list[Trial]
) -> None:
    # Another connection sees it at once, and the settings are those under which SQLite keeps what it acknowledged.
    with create_record(tmp_path, config, "") as record:
        record.add(trials[:1])
        with closing(sqlite3.connect(tmp_path / "a-run" / "record.db")) as other:
            assert other.execute("SELECT count(*) FROM bonag_trials").fetchone() == (1,)
            assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        record.finish(replace(trials[0], status=TrialStatus.COMPLETED, metrics={"accuracy": 1.0}))
        assert record._connection is not None
        assert record._connection.connection.driver_connection is not None
        cursor = record._connection.connection.driver_connection.execute("PRAGMA synchronous")
        assert cursor.fetchone() == (2,)
    assert sorted(path.name for path in (tmp_path / "a-run").iterdir()) == ["config.json", "lock", "record.db"]
