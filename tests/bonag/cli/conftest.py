from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import bonag.cli

# An evaluator of nb201 from another package: as slow as SLOW says, and it counts what it began in the file CALLS.
SLOW = '''
"""A slow evaluator."""
import os, time

class Slow:
    name, task, metrics = "slow", "counting", ("accuracy",)
    description = "Counts of letters."
    def evaluate(self, architecture, seed):
        with open(os.environ["CALLS"], "a") as calls:
            calls.write(f"{architecture}\\n")
        time.sleep(float(os.environ["SLOW"]))
        return {"accuracy": float(str(architecture).count("3") * 10 + len(str(architecture)) % 7)}

def task_names(data_dir):
    return ["counting"]

def make(space, task, data_dir):
    return Slow()
'''


class Said(NamedTuple):
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands work in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def tables(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark tables are found."""
    monkeypatch.setenv("BONAG_DATA", str(data_dir))


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Calls a command in this process."""

    def run(*arguments: str | Path) -> Said:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            bonag.cli.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        code = ended.value.code
        return Said(code if isinstance(code, int) else 0, out, err)

    return run


@pytest.fixture
def spawn() -> Callable[..., subprocess.Popen[str]]:
    """Starts a command as users do, in a process of its own, which is told when its terminal goes away."""

    def start(*arguments: str | Path, hangup: int = signal.SIG_DFL, **options: object) -> subprocess.Popen[str]:
        # The tests themselves may run where it is ignored.
        before = signal.signal(signal.SIGHUP, hangup)
        try:
            return begin(*arguments, **options)
        finally:
            signal.signal(signal.SIGHUP, before)

    def begin(*arguments: str | Path, **options: object) -> subprocess.Popen[str]:
        program = Path(sys.executable).with_name("bonag")
        command = [str(program), *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, **{**pipes, **options})  # type: ignore[call-overload, no-any-return]

    return start


@pytest.fixture
def slow_evaluator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installs the evaluator ``slow`` for nb201; returns the file in which it notes what it evaluates."""
    site = tmp_path / "site"
    info = site / "slow-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "slow_evaluator.py").write_text(SLOW)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bonag.evaluators]\nnb201.slow = slow_evaluator\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")])))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("SLOW", "0")
    return tmp_path / "calls"
