"""Readers see a run whole, and leave it as it is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bonag.record import create_record, find_run, open_record, read_record
from bonag.record.schema import VERSION
from loops.config import RunConfig
from loops.history import Trial, TrialStatus
from search_spaces.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, config: RunConfig, trials: list[Trial]) -> Path:
    """A run of six trials, three of them completed, that was closed well."""
    with create_record(tmp_path, config, "") as record:
        _fill(record, trials)
    return tmp_path / "a-run"


@pytest.fixture
def killed(tmp_path: Path, config: RunConfig, trials: list[Trial]) -> Path:
    """The same run as a killed process leaves it: the trials are in the write-ahead log alone."""
    with create_record(tmp_path / "live", config, "") as record:
        _fill(record, trials)
        shutil.copytree(tmp_path / "live" / "a-run", tmp_path / "killed")
    assert (tmp_path / "killed" / "record.db-wal").stat().st_size > 0
    return tmp_path / "killed"


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Mounts a folder again where nothing can be written, not even by root."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a folder read-only")
    mounts: list[Path] = []

    def mount(folder: Path) -> Path:
        place = tmp_path / f"mount-{len(mounts)}"
        place.mkdir()
        subprocess.run(["mount", "--bind", folder, place], check=True)
        mounts.append(place)
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        return place

    yield mount
    for place in mounts:
        subprocess.run(["umount", place], check=True)


def _fill(record: object, trials: list[Trial]) -> None:
    record.add(trials)  # type: ignore[attr-defined]
    for trial in trials[:3]:
        done = replace(trial, status=TrialStatus.COMPLETED, metrics={"accuracy": 90.0 + trial.index})
        record.finish(done)  # type: ignore[attr-defined]


def prints(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_reading_changes_no_file(folder: Path, killed: Path) -> None:
    for place in (folder, killed):
        before = prints(place)
        assert len(read_record(place).history.completed) == 3
        assert prints(place) == before


def test_reading_needs_no_right_to_write(folder: Path, killed: Path, read_only: Callable[[Path], Path]) -> None:
    for place in (folder, killed):
        assert len(read_record(read_only(place)).history.completed) == 3


def test_a_copy_without_its_lock_can_be_read(killed: Path) -> None:
    (killed / "lock").unlink()
    assert len(read_record(killed).history.completed) == 3
    assert not (killed / "lock").exists()


def test_a_live_run_is_read_without_holding_it_up(
    tmp_path: Path, config: RunConfig, trials: list[Trial], read_only: Callable[[Path], Path]
) -> None:
    stop = threading.Event()
    seen: list[int] = []
    with create_record(tmp_path, config, "") as record:
        folder = tmp_path / "a-run"
        mirror = read_only(folder)

        def read() -> None:
            while not stop.is_set():
                snapshots = [read_record(folder), read_record(mirror)]
                assert all(snapshot.live for snapshot in snapshots)
                seen.extend(len(snapshot.history) for snapshot in snapshots)

        reader = threading.Thread(target=read)
        reader.start()
        slowest = 0.0
        for trial in trials:
            start = time.monotonic()
            record.add([trial])
            slowest = max(slowest, time.monotonic() - start)
            time.sleep(0.05)
        stop.set()
        reader.join()
        assert slowest < 2.0
    assert seen == sorted(seen)
    assert len(set(seen)) > 1


def test_a_reader_in_the_middle_of_reading_does_not_hold_up_the_writer(
    tmp_path: Path, config: RunConfig, trials: list[Trial]
) -> None:
    with create_record(tmp_path, config, "") as record:
        record.add(trials[:1])
        with closing(sqlite3.connect(f"file:{tmp_path}/a-run/record.db?mode=ro", uri=True)) as reader:
            rows = reader.execute("SELECT trial FROM bonag_trials")
            record.add(trials[1:])
            assert rows.fetchall() == [(0,)]


def _truncate(size: Callable[[int], int]) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / "record.db", size((folder / "record.db").stat().st_size))


def _sql(*statements: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with sqlite3.connect(folder / "record.db") as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    return change


def _config(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def _overwrite(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


def _scribble(folder: Path) -> None:
    with open(folder / "record.db", "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(8192))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "record cut in half": (_truncate(lambda size: size // 2), "is damaged"),
    "record cut by a page": (_truncate(lambda size: size - 4096), "is damaged"),
    "record cut by a byte": (_truncate(lambda size: size - 1), "is damaged"),
    "record cut within its header": (_truncate(lambda size: 50), "is damaged"),
    "record empty": (_truncate(lambda size: 0), "it holds no record of bonag"),
    "record overwritten": (_overwrite("record.db", b"not a database, certainly" * 400), "is damaged"),
    "record scribbled over": (_scribble, "is damaged"),
    "record missing": (lambda folder: (folder / "record.db").unlink(), "record.db is missing"),
    "record a folder": (
        lambda folder: ((folder / "record.db").unlink(), (folder / "record.db").mkdir()),
        "record.db is missing",
    ),
    "newer version": (
        _sql(f"UPDATE bonag_schema SET version = {VERSION + 1}"),
        f"it has version {VERSION + 1} and this bonag reads versions up to {VERSION}",
    ),
    "no version": (_sql("DELETE FROM bonag_schema"), "it has version none"),
    "another program's database": (
        lambda folder: ((folder / "record.db").unlink(), _sql("CREATE TABLE t (x)")(folder)),
        "it holds no record of bonag",
    ),
    "another run's record": (_sql("UPDATE bonag_runs SET name = 'b-run'"), "it holds no run 'a-run'"),
    "missing trial": (_sql("DELETE FROM bonag_trials WHERE trial = 4"), "trial 4 is missing"),
    "unknown status": (
        _sql("UPDATE bonag_trials SET status = 'lost' WHERE trial = 1"),
        "trial 1 makes no sense: 'lost' is not a valid TrialStatus",
    ),
    "bad architecture": (
        _sql("UPDATE bonag_trials SET architecture = '|nor_conv_4x4~0|' WHERE trial = 1"),
        "trial 1 makes no sense",
    ),
    "another seed in config.json": (
        _config(seed=1),
        "config.json and the record disagree: seed is 1 in one and 0 in the other",
    ),
    "smaller budget in the record": (
        lambda folder: _sql("UPDATE bonag_runs SET config = replace(config, '\"budget\": 50', '\"budget\": 3')")(
            folder
        ),
        "disagree: budget is 3 in one and there are 6 trials in the other",
    ),
    "a flipped bit": (
        _sql("UPDATE bonag_trials SET proposal_seconds = proposal_seconds + 1e-9 WHERE trial = 1"),
        "trial 1 makes no sense: its checksum is wrong",
    ),
    "unknown key in config.json": (_config(bugdet=3), "unknown key 'bugdet': did you mean 'budget'?"),
    "newer config.json": (_config(format=9), "format 9 is unknown"),
    "empty config.json": (_overwrite("config.json", b"\n"), "config.json: not JSON"),
    "binary config.json": (_overwrite("config.json", b"\xff\xfe\x00"), "config.json: not UTF-8 text"),
    "config.json missing": (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
    "unknown space": (
        lambda folder: (_config(space="nb2001")(folder), None),
        "unknown space 'nb2001': did you mean 'nb201'?",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("use", [read_record, open_record])
def test_what_cannot_be_trusted_is_refused_in_one_line_and_left_as_it_is(
    what: str, use: Callable[[Path], object], folder: Path
) -> None:
    damage, message = BROKEN[what]
    damage(folder)
    before = prints_of_all(folder)
    with pytest.raises(UserError) as refused:
        use(folder)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert prints_of_all(folder) == before


@pytest.mark.parametrize("use", [read_record, open_record])
def test_a_damaged_record_with_a_write_ahead_log_is_left_as_it_is(use: Callable[[Path], object], killed: Path) -> None:
    for damage in (_truncate(lambda size: 50), _overwrite("record.db-wal", b"x" * 9000)):
        damage(killed)
        before = prints(killed)
        with pytest.raises(UserError):
            use(killed)
        assert prints(killed) == before


def prints_of_all(folder: Path) -> dict[str, str]:
    files = [path for path in folder.iterdir() if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no run: config\.json is missing"):
        read_record(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        read_record(tmp_path / "nothing")


def test_a_read_only_run_cannot_be_opened_for_writing(folder: Path, read_only: Callable[[Path], Path]) -> None:
    with pytest.raises(UserError, match="cannot be written: Read-only file system"):
        open_record(read_only(folder))


def test_runs_are_found_by_folder_or_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = folder.parent
    assert find_run(str(folder)) == folder
    assert find_run("a-run", out) == folder
    with pytest.raises(UserError, match=r"no run 'a-rum' here nor in .*: did you mean 'a-run'\?"):
        find_run("a-rum", out)
    # A folder of the same name in the working directory does not hide the run.
    elsewhere = out / "elsewhere"
    (elsewhere / "a-run").mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    assert find_run("a-run", out) == folder
