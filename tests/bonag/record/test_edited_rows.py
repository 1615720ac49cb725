"""Rows that somebody edited: readers say in one line which one makes no sense, and change nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bonag.record import create_record, read_record
from loops.config import RunConfig
from loops.history import Trial, TrialStatus
from loops.loop import RunState
from search_spaces.errors import UserError

Edit = Callable[[str], None]
# An architecture of mbv3.
FOREIGN = "k3e6-k5e4|k7e3-k3e3-k5e6|k3e3-k3e4|k7e6-k7e4-k5e3-k5e4|k3e3-k3e3"


@pytest.fixture
def folder(tmp_path: Path, config: RunConfig, trials: list[Trial]) -> Path:
    """A finished run of six completed trials."""
    with create_record(tmp_path, config, "") as record:
        record.add(trials)
        for trial in trials:
            record.finish(replace(trial, status=TrialStatus.COMPLETED, metrics={"accuracy": 90.0 + trial.index}))
        record.set_state(RunState.FINISHED)
    return tmp_path / "a-run"


def edit(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "record.db", isolation_level=None)) as connection:
        # Where there must be a value, an editor of the file itself is not held back by the schema.
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')")
        connection.execute("PRAGMA writable_schema = RESET")
        for statement in statements:
            connection.execute(statement)


TRIAL = "UPDATE bonag_trials SET {} WHERE trial = 3"
RUN = "UPDATE bonag_runs SET {}"
METRIC = "UPDATE bonag_metrics SET {} WHERE trial = 3"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (TRIAL.format("architecture = NULL"), "makes no sense"),
        (TRIAL.format("architecture = x'ff00'"), "trial 3 "),
        (TRIAL.format(f"architecture = '{FOREIGN}'"), "trial 3 "),
        (TRIAL.format("status = NULL"), "trial 3 "),
        (TRIAL.format("status = 'compleated'"), "trial 3 "),
        (TRIAL.format("status = 7"), "trial 3 "),
        (TRIAL.format("provenance = NULL"), "trial 3 "),
        (TRIAL.format("provenance = '{half'"), "trial 3 "),
        (TRIAL.format("provenance = '[1]'"), "trial 3 makes no sense: its provenance is [1] and must be an object"),
        (TRIAL.format("provenance = 'null'"), "trial 3 "),
        (TRIAL.format("proposed_at = 'yesterday'"), "trial 3 makes no sense: proposed_at is 'yesterday'"),
        (TRIAL.format("ended_at = 9e999"), "trial 3 makes no sense: ended_at is inf"),
        (TRIAL.format("evaluation_seconds = x'00'"), "trial 3 "),
        (TRIAL.format("reason = x'00'"), "trial 3 "),
        (METRIC.format("value = 'high'"), "trial 3 makes no sense: accuracy is 'high' and must be a finite number"),
        (METRIC.format("value = NULL"), "trial 3 makes no sense: accuracy is None"),
        (METRIC.format("value = 9e999"), "trial 3 makes no sense: accuracy is inf"),
        (METRIC.format("name = NULL"), "trial 3 "),
        ("DELETE FROM bonag_metrics WHERE trial = 3", "trial 3 makes no sense: it has completed and has no metrics"),
        ("DELETE FROM bonag_trials WHERE trial = 3", "trial 3 is missing"),
        (RUN.format("state = 'resting'"), "the row of run 'a-run' makes no sense"),
        (RUN.format("state = NULL"), "the row of run 'a-run' makes no sense"),
        (RUN.format("config = NULL"), "the row of run 'a-run' makes no sense"),
        (RUN.format("config = '{}'"), "the row of run 'a-run' makes no sense"),
        (RUN.format("config = replace(config, '50', '1e9')"), "budget must be a whole number or null"),
        (RUN.format("config = replace(config, 'cifar10', 'cifar99')"), "config.json and the record disagree: task is"),
        (TRIAL.format(f"provenance = '{'[' * 100_000}'"), "makes no sense"),
        ("DELETE FROM bonag_schema", "it has version none and this bonag reads version"),
    ],
)
def test_an_edited_row_is_told(folder: Path, statement: str, told: str) -> None:
    edit(folder)
    before = read_record(folder)
    assert len(before.history.completed) == 6
    edit(folder, statement)
    with pytest.raises(UserError) as error:
        read_record(folder)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("statement", [
    pytest.param(RUN.format("created_at = 'then'"), id="created_at"),
    pytest.param(RUN.format("forgiven = 'all'"), id="forgiven"),
    pytest.param(RUN.format("description = NULL"), id="description"),
    pytest.param(RUN.format("reason = x'00'"), id="reason"),
])  # fmt: skip
def test_an_edited_row_of_the_run_is_told(folder: Path, statement: str) -> None:
    edit(folder, statement)
    with pytest.raises(UserError, match=r"^[^\n]*the row of run 'a-run' makes no sense[^\n]*$"):
        read_record(folder)


def test_pipes_in_a_run_are_not_waited_for(folder: Path) -> None:
    for name in ("record.db", "lock", "config.json"):
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(UserError, match=f"{name}: it is a pipe"):
            read_record(folder)
        (folder / name).unlink()
        (folder / name).write_bytes(kept)
    assert len(read_record(folder).history) == 6
