"""Bad input: one line on stderr, exit status 2, nothing written, never a traceback."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bonag

Call = Callable[..., Any]
RUN = ("run", "--space", "nb201", "--evaluator", "table", "--strategy", "evolution", "--budget", "5")


def everything(place: Path) -> dict[str, str]:
    files = [path for path in place.rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def refused(said: Any, *parts: str) -> None:
    assert said.status == 2, said
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    for part in parts:
        assert part in said.err


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run",), "Missing option '--space'"),
        (("run", "--space", "nb20"), "unknown space 'nb20': did you mean 'nb201'?"),
        (("run", "--space", "resnet"), "unknown space 'resnet': choose from"),
        ((*RUN, "--budget", "0"), "budget must be at least 1, got 0"),
        ((*RUN, "--budget", "-7"), "budget must be at least 1, got -7"),
        ((*RUN, "--budget", "many"), "--budget"),
        ((*RUN, "--seed", "-1"), "seed must be at least 0, got -1"),
        ((*RUN, "--batch-size", "0"), "batch_size must be at least 1, got 0"),
        ((*RUN, "--max-failures", "0"), "max_failures must be at least 1, got 0"),
        ((*RUN, "--task", "cifar11"), "no task 'cifar11': did you mean 'cifar10'?"),
        ((*RUN, "--evaluator", "tabel"), "no evaluator 'tabel': did you mean 'table'?"),
        ((*RUN, "--strategy", "evolutoin"), "unknown strategy 'evolutoin'"),
        ((*RUN, "--objective", "acuracy"), "measures no 'acuracy': did you mean 'accuracy'?"),
        ((*RUN, "--objective", "acc"), "'table' of space 'nb201' measures no 'acc': did you mean 'accuracy'?"),
        ((*RUN, "--objective", "latency_pixel3"), "it is a cost: write -latency_pixel3 to minimise it, or +latency_p"),
        ((*RUN, "--objective", "no spaces"), "objective 'no spaces' is not a metric name"),
        ((*RUN, "--objective", "accuracy", "--objective", "-accuracy"), "'accuracy' is an objective more than once"),
        ((*RUN, "--objective", "accuracy", "--objective", "-latency_pixel33"), "did you mean 'latency_pixel3'?"),
        ((*RUN, "--constraint", "latency_pixel3<8"), "'latency_pixel3<8' is not a metric with <= or >= and a bound"),
        ((*RUN, "--constraint", "params<=lots"), "constraint 'params<=lots': 'lots' is not a number"),
        ((*RUN, "--constraint", "latency_pixl3<=8"), "did you mean 'latency_pixel3'?"),
        ((*RUN, "--constraint", "macs<=1e6", "--constraint", "macs<=2e6"), "'macs' has more than one bound with <="),
        ((*RUN, "--constraint", "macs<=1e6", "--constraint", "macs>=2e6"), "nothing can meet both"),
        (
            ("run", "--space", "nb201", "--constraint", "macs<=4e7", "--acquisition", "ucb"),
            "acquisition 'ucb' is for one objective without constraints",
        ),
        ((*RUN, "--executor", "rai"), "unknown executor 'rai': did you mean 'ray'?"),
        ((*RUN, "--device", "cudda"), "unknown device 'cudda': did you mean 'cuda'?"),
        ((*RUN, "--name", "../up"), "name '../up' cannot name a run"),
        ((*RUN, "--record", "mysql://h/d"), "must be like postgresql://"),
        (
            (*RUN, "--record", "postgresql://bonag@127.0.0.1:1/d"),
            "the record's database postgresql://bonag@127.0.0.1:1/d",
        ),
        ((*RUN, "--bugdet", "3"), "--bugdet"),
        (("runn",), "runn"),
        (("status", "nothing"), "no run 'nothing' here nor in results/"),
        (("best", "nothing"), "no run 'nothing'"),
        (("trials", "nothing"), "no run 'nothing'"),
        (("resume", "nothing"), "no run 'nothing'"),
        (("export", "nothing", "--format", "onnx", "-o", "x"), "no run 'nothing'"),
        (("export", "nothing", "--format", "onx", "-o", "x"), "unknown format 'onx': did you mean 'onnx'?"),
        (("export", "nothing", "--format", "pt", "-o", "x"), "'pt': choose from state-dict, onnx, python, ax-json"),
        (("status", "."), "holds no run: config.json is missing"),
    ],
)
def test_one_line_and_nothing_written(
    arguments: tuple[str, ...], message: str, call: Call, tables: None, elsewhere: Path
) -> None:
    refused(call(*arguments), message)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
def test_an_existing_name(call: Call, tables: None, elsewhere: Path) -> None:
    call(*RUN, "--name", "mine")
    before = everything(elsewhere)
    refused(call(*RUN, "--name", "mine", "--seed", "3"), "results/mine exists already", "bonag resume")
    refused(call("status", "mien"), "no run 'mien' here nor in results/: did you mean 'mine'?")
    refused(call("best", "mine", "-k", "0"), "-k")
    export = ("export", "mine", "-o", "x", "--format")
    refused(call(*export, "onnx", "--trial", "5"), "has no trial 5: its 5 trials are counted from 0")
    refused(call("export", "mine", "--format", "python", "-o", "no/such/place"), "no/such/place")
    refused(call("export", "mine", "--format", "ax-json", "-o", "no/such/place"), "no/such/place")
    assert everything(elsewhere) == before


def test_no_data(call: Call, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BONAG_DATA", raising=False)
    refused(call(*RUN), "nb201_accuracy.parquet", "BONAG_DATA")
    refused(call(*RUN, "--data", "nowhere"), "nowhere")
    assert list(elsewhere.iterdir()) == []


def test_unreadable_data(call: Call, elsewhere: Path) -> None:
    (elsewhere / "data").mkdir()
    table = elsewhere / "data" / "nb201_accuracy.parquet"
    table.write_bytes(b"this is no parquet file")
    refused(call(*RUN, "--data", "data"), "nb201_accuracy.parquet")
    pd.DataFrame({"arch": ["x"], "something": [1.0]}).to_parquet(table)
    refused(call(*RUN, "--data", "data"), "something")
    pd.DataFrame({"cifar10_test_200ep": [1.0]}).to_parquet(table)
    refused(call(*RUN, "--data", "data"), "arch")
    table.unlink()
    table.mkdir()
    refused(call(*RUN, "--data", "data"), "nb201_accuracy.parquet")
    assert sorted(path.name for path in elsewhere.iterdir()) == ["data"]


def test_a_run_that_cannot_go_on_here_is_left_as_it_is(
    call: Call, tables: None, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def killed(event: object) -> None:
        if len(bonag.load("live").history.completed) == 3:
            # What a killed process leaves: the log of the database is not merged yet.
            shutil.copytree("results/live", "results/killed")
            raise KilledError

    with pytest.raises(KilledError):
        bonag.search("nb201", budget=5, evaluator="table", strategy="random", name="live", callbacks=[killed])
    assert (elsewhere / "results" / "killed" / "record.db-wal").exists()
    before = everything(elsewhere)
    monkeypatch.delenv("BONAG_DATA")
    refused(call("resume", "killed"), "BONAG_DATA")
    assert everything(elsewhere) == before


def test_a_full_disk(call: Call, tables: None, disk: Path) -> None:
    free = os.statvfs(disk)
    (disk / "ballast").write_bytes(b"x" * (free.f_bavail * free.f_bsize))
    refused(call(*RUN, "--out", disk / "runs"), "disk")
    assert [path.name for path in disk.iterdir()] == ["ballast"]


@pytest.mark.slow
def test_a_disk_that_fills_up_during_a_run(call: Call, tables: None, disk: Path) -> None:
    run = (*RUN, "--budget", "150", "--record-patience", "1s", "--name")
    assert call(*run, "whole").status == 0
    (disk / "ballast").write_bytes(b"x" * 100_000)
    said = call(*run, "cut", "--out", disk)
    assert said.status == 2
    note, error = said.err.splitlines()
    assert note.endswith("record.db cannot be written: the disk is full: waiting up to 1s for it")
    assert error.startswith("error: ")
    assert "record.db cannot be written: the disk is full" in error
    assert "bonag resume" in error
    cut = bonag.load(disk / "cut")
    assert 0 < len(cut.history.completed) < 150
    (disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
    assert call("resume", disk / "cut").status == 0
    resumed, whole = bonag.load(disk / "cut").trials, bonag.load("whole").trials
    times = ["proposal_seconds", "evaluation_seconds", "proposed_at", "ended_at"]
    pd.testing.assert_frame_equal(resumed.drop(columns=times), whole.drop(columns=times))


@pytest.mark.slow
def test_a_read_only_folder(call: Call, tables: None, disk: Path) -> None:
    assert call(*RUN, "--name", "before", "--out", disk).status == 0
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    try:
        refused(call(*RUN, "--out", disk), "Read-only file system")
        refused(call(*RUN, "--out", disk / "deeper"), "Read-only file system")
        # What is there can still be looked at.
        assert call("best", disk / "before").status == 0
        refused(call("export", disk / "before", "--format", "python", "-o", disk / "net.py"), "Read-only file system")
    finally:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)


def test_cuda_that_is_not_there(call: Call, tables: None, elsewhere: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs a machine without CUDA")
    refused(call(*RUN, "--device", "cuda"), "there is no device 'cuda': PyTorch finds none here")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
def test_failures_stop_a_run_with_a_line_and_a_status_of_their_own(
    call: Call, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, slow_evaluator: Path
) -> None:
    monkeypatch.syspath_prepend(elsewhere / "site")
    monkeypatch.setenv("SLOW", "not a number")
    said = call(*RUN, "--evaluator", "slow", "--max-failures", "3", "--name", "failing")
    assert said.status == 1
    reason = "3 evaluations in a row failed, the last with: ValueError: could not convert string to float"
    assert said.err.startswith(f"error: {reason}")
    assert said.err.count("\n") == 1
    assert "bonag resume failing" in said.err
    monkeypatch.setenv("SLOW", "0")
    said = call("resume", "failing")
    assert said.status == 0
    assert "finished: 5 trials of 5, 3 failed" in said.out
