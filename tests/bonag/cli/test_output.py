"""Nobody need take what is printed: a run goes on, and a command that only prints ends without a fuss."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bonag
from loops.loop import RunState

Spawn = Callable[..., subprocess.Popen[str]]
RUN = ("run", "--space", "nb201", "--evaluator", "surrogate", "--strategy", "random", "--budget", "4", "--name", "seen")
FULL = Path("/dev/full")


def finished() -> bool:
    run = bonag.load("seen")
    return run.state is RunState.FINISHED and len(run.history.completed) == 4


def shell(redirections: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Calls a command with redirections in the words of a shell."""
    program = Path(sys.executable).with_name("bonag")
    command = ["bash", "-c", f'exec "$0" "$@" {redirections}', program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def full() -> None:
    if not FULL.is_char_device():
        pytest.skip("needs /dev/full")


@pytest.mark.slow
def test_a_run_whose_reader_has_had_enough_goes_on(spawn: Spawn) -> None:
    process: Any = spawn(*RUN)
    assert process.stdout.readline().startswith("run seen")
    process.stdout.close()
    process.stderr.close()
    assert process.wait(60) == 0
    assert finished()


@pytest.mark.parametrize(
    "redirections", [">/dev/full 2>&1", ">&-", pytest.param("<&- >&- 2>&-", marks=pytest.mark.slow)]
)
def test_a_run_that_cannot_print_goes_on(redirections: str, full: None) -> None:
    done = shell(redirections, *RUN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert finished()


@pytest.mark.slow
def test_bad_input_has_its_status_without_a_stream_to_say_it(full: None) -> None:
    assert shell("2>/dev/full", *RUN, "--space", "nb20").returncode == 2
    assert shell("2>&-", *RUN, "--space", "nb20").returncode == 2


@pytest.mark.slow
def test_a_run_goes_on_when_its_terminal_is_gone(slow_evaluator: Path, spawn: Spawn) -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"SLOW": "0.5", "TERM": "xterm"}
    process = spawn(*RUN, "--evaluator", "slow", stdout=theirs, stderr=theirs, stdin=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while b"1/4" not in seen:
        seen += os.read(ours, 1000)
    os.close(ours)
    assert process.wait(60) == 0
    assert finished()


@pytest.mark.slow
def test_letters_that_the_terminal_lacks_stop_nothing(spawn: Spawn, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    process = spawn(*RUN, "--out", tmp_path / "Läufe", env=environment)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "L\\xe4ufe" in out


@pytest.mark.slow
@pytest.mark.parametrize("command", [("trials", "--csv"), ("status",), ("best", "-k", "3")])
def test_a_command_that_only_prints_ends_quietly_when_nobody_reads(
    command: tuple[str, ...], spawn: Spawn, call: Callable[..., Any]
) -> None:
    assert call(*RUN).status == 0
    read, write = os.pipe()
    os.close(read)
    process = spawn(command[0], "seen", *command[1:], stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")


@pytest.mark.slow
def test_lost_output_is_an_error_of_a_command_that_only_prints(call: Callable[..., Any], full: None) -> None:
    assert call(*RUN).status == 0
    done = shell(">/dev/full", "trials", "seen", "--csv")
    assert done.returncode == 2
    assert done.stderr == "error: standard output: No space left on device\n"


def test_what_is_opened_later_does_not_take_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    script = (
        "import os; from bonag.cli.output import steady_output\n"
        "with steady_output():\n"
        f"    kept = open({str(tmp_path / 'kept')!r}, 'w')\n"
        "    os.write(1, b'noise'); print('noise', flush=True)\n"
    )
    subprocess.run(["bash", "-c", 'exec "$0" -c "$1" >&- 2>&-', sys.executable, script], check=True, timeout=60)
    assert (tmp_path / "kept").read_text() == ""
