"""Ctrl-C, SIGTERM and SIGHUP, sent to real runs."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import bonag
from loops.ending import RunState

Spawn = Callable[..., subprocess.Popen[str]]
RUN = ("run", "--space", "nb201", "--evaluator", "slow", "--strategy", "evolution", "--budget", "12", "--name", "cut")


def wait_for(calls: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while not calls.exists() or len(calls.read_text().splitlines()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_asked_to_stop_a_run_ends_its_evaluation_and_says_how_to_go_on(
    number: int, status: int, slow_evaluator: Path, spawn: Spawn
) -> None:
    process = spawn(*RUN, env=os.environ | {"SLOW": "0.4"})
    wait_for(slow_evaluator, 3)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert "go on by `bonag resume cut`" in err
    assert "Traceback" not in out + err
    cut = bonag.load("cut")
    # What had begun has ended, and nothing has begun since.
    assert cut.state is RunState.INTERRUPTED
    assert len(cut.history.completed) == len(cut.history) == len(slow_evaluator.read_text().splitlines())
    assert cut.history.trials[-1].evaluation_seconds is not None

    resumed = spawn("resume", "cut")
    assert resumed.communicate(timeout=60)
    assert resumed.returncode == 0
    whole = spawn(*RUN[:-1], "whole")
    whole.communicate(timeout=60)
    architectures = [[t.architecture for t in bonag.load(name).history] for name in ("cut", "whole")]
    assert architectures[0] == architectures[1]
    assert len(architectures[0]) == 12


@pytest.mark.slow
def test_a_terminal_that_goes_away_twice_still_lets_the_evaluation_end(slow_evaluator: Path, spawn: Spawn) -> None:
    process = spawn(*RUN, env=os.environ | {"SLOW": "2"})
    wait_for(slow_evaluator, 1)
    process.stdout.close()
    process.stderr.close()
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 129
    cut = bonag.load("cut")
    assert (cut.state, len(cut.history.completed)) == (RunState.INTERRUPTED, len(cut.history))


@pytest.mark.slow
def test_under_nohup_a_run_outlives_its_terminal(slow_evaluator: Path, spawn: Spawn) -> None:
    process = spawn(*RUN, env=os.environ | {"SLOW": "0.05"}, hangup=signal.SIG_IGN)
    wait_for(slow_evaluator, 1)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert bonag.load("cut").state is RunState.FINISHED


@pytest.mark.slow
def test_asked_twice_it_stops_at_once(slow_evaluator: Path, spawn: Spawn) -> None:
    process = spawn(*RUN, env=os.environ | {"SLOW": "600"})
    wait_for(slow_evaluator, 1)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 20
    assert process.returncode == 130
    assert "once more to stop at once" in err
    assert "stopped at once; go on by `bonag resume cut`" in err
    cut = bonag.load("cut")
    assert (cut.state, len(cut.history.pending)) == (RunState.INTERRUPTED, 1)


@pytest.mark.slow
def test_two_processes_do_not_run_the_same_run(slow_evaluator: Path, spawn: Spawn) -> None:
    process = spawn(*RUN, env=os.environ | {"SLOW": "600"})
    wait_for(slow_evaluator, 1)
    other = spawn("resume", "cut")
    _, err = other.communicate(timeout=60)
    assert other.returncode == 2
    expected = f"error: results/cut is being written by process {process.pid}, which is alive: wait for it, or stop it"
    assert err == f"{expected} first\n"
    process.kill()
    process.communicate()
    again = spawn("resume", "cut")
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert bonag.load("cut").state is RunState.FINISHED
