"""`kill -9`, for real: a run that was killed and resumed is the run that was not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bonag
from bonag.record import read_record
from loops.history import History, Trial, TrialStatus

BONAG = Path(sys.executable).with_name("bonag")


def table(trials: Iterable[Trial]) -> list[tuple[Any, ...]]:
    """All of the trials but their times."""
    return [(t.index, str(t.architecture), t.status, dict(t.metrics), t.reason, t.provenance) for t in trials]


def finish(*arguments: str, out: Path) -> tuple[History, float]:
    """Run without a disturbance; returns the history and the seconds from the first proposal to the end."""
    command = [str(BONAG), "run", *arguments, "--name", "whole", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    history = bonag.load(out / "whole").history
    first, last = history.trials[0].proposed_at, history.trials[-1].ended_at
    assert first is not None
    assert last is not None
    return history, last - first


def kill_and_resume(*arguments: str, out: Path, whole: History, seconds: float, kills: int, seed: int) -> list[int]:
    """Start the same run and kill it at random moments; returns how many trials there were at each kill.

    The first moments are anywhere from the start of the process on, so that the making of the run's folder and its
    opening are hit too; the others come after the process has said that it runs.
    """
    rng = np.random.default_rng(seed)
    expected = table(whole)
    found: list[int] = []
    folder = out / "killed"
    while True:
        begun = folder.exists()
        action = ["resume", str(folder)] if begun else ["run", *arguments, "--name", "killed", "--out", str(out)]
        process = subprocess.Popen([str(BONAG), *action], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        if len(found) < kills:
            if len(found) % 4:
                process.stdout.readline()
                # Far enough, on average, for the run to be halfway done when all kills are spent; counted in trials,
                # because time means another distance on another machine. Then anywhere within a trial.
                goal = found[-1] + rng.integers(1 + 2 * len(whole) // (3 * kills), endpoint=True)
                while process.poll() is None and len(read_record(folder).history) < goal:
                    time.sleep(0.001)
                time.sleep(rng.uniform(0, seconds / len(whole)))
            else:
                time.sleep(rng.uniform(0, 1.0))
            process.kill()
        _, err_text = process.communicate(timeout=600)
        assert "Traceback" not in err_text
        if len(found) >= kills:
            assert process.returncode == 0, err_text
            break
        # Whatever was killed, nothing half-written can be seen, and what is there is how the whole run began.
        if folder.exists():
            trials = read_record(folder).history.trials
            settled = table(trials)
            running = [t.index for t in trials if t.status is TrialStatus.RUNNING]
            assert all(settled[i] == expected[i] for i in range(len(trials)) if i not in running)
            assert all(settled[i][1] == expected[i][1] for i in running)
            found.append(len(trials) - len(running))
        else:
            found.append(0)
    assert table(bonag.load(folder).history) == expected
    return found


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 5])
def test_killed_at_random_moments_a_run_ends_as_if_it_had_not_been(
    batch_size: int, tmp_path: Path, data_dir: Path
) -> None:
    arguments = ("--space", "nb201", "--evaluator", "table", "--data", str(data_dir), "--strategy", "evolution")
    # Time goes by batches: as many of them, so that the kills find the run under way whatever the size.
    arguments += ("--budget", str(300 * batch_size), "--batch-size", str(batch_size))
    whole, seconds = finish(*arguments, out=tmp_path)
    found = kill_and_resume(*arguments, out=tmp_path, whole=whole, seconds=seconds, kills=6, seed=batch_size)
    assert found == sorted(found)
    assert len(set(found)) >= 3, f"the kills came too early or too late to show anything: {found}"


@pytest.mark.slow
def test_killed_twenty_times_a_guided_search_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    arguments = ("--space", "mbv3", "--budget", "40", "--strategy", "bonag", "--device", "cpu")
    whole, seconds = finish(*arguments, out=tmp_path)
    found = kill_and_resume(*arguments, out=tmp_path, whole=whole, seconds=seconds, kills=20, seed=0)
    assert found == sorted(found)
    assert len(set(found)) >= 5, f"the kills came too early or too late to show anything: {found}"


@pytest.mark.slow
def test_a_folder_that_was_being_made_when_the_process_died_is_not_seen(tmp_path: Path, data_dir: Path) -> None:
    command = [str(BONAG), "run", "--space", "nb201", "--evaluator", "table", "--data", str(data_dir)]
    command += ["--strategy", "random", "--budget", "3", "--out", str(tmp_path), "--name", "made"]
    # strace-free and exact: the process kills itself where the folder is about to get its name.
    script = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "Path.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from bonag.cli import main\nmain(sys.argv[1:])\n"
    )
    died = subprocess.run([sys.executable, "-c", script, *command[1:]], capture_output=True, text=True)
    assert died.returncode == -9
    assert not (tmp_path / "made").exists()
    assert subprocess.run([*command], capture_output=True, env=dict(os.environ)).returncode == 0
    assert len(bonag.load(tmp_path / "made").history) == 3
