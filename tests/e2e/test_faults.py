"""Whatever dies, fills up or goes away: no finished evaluation is lost or run twice, and the run goes on."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest

from bonag.record import read_record
from loops.ending import RunState
from loops.history import History, TrialStatus
from loops.loop import propose
from loops.objective import Objective
from loops.seeding import trial_seed
from loops.strategies import RegularizedEvolution
from loops.trial_folder import FILE
from search_spaces import get_space

BONAG = [sys.executable, "-m", "bonag"]
HERE = Path(__file__).parent
RUN = ["run", "--space", "nb201", "--evaluator", "faulty:measure", "--strategy", "evolution"]


class Case:
    """A run of slow evaluations in a folder of its own."""

    def __init__(self, place: Path, seconds: float) -> None:
        self.place, self.folder = place, place / "results" / "r"
        self.environment = {**os.environ, "MARKS": str(place), "MARKS_SECONDS": str(seconds), "OMP_NUM_THREADS": "1"}
        self.environment["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Begin the run, or go on with it; it is told when its terminal goes away, whether or not the tests are."""
        action = ["resume", "r"] if self.folder.exists() else [*RUN, "--name", "r", *options]
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        try:
            return subprocess.Popen(
                [*BONAG, *action],
                cwd=self.place,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        finally:
            signal.signal(signal.SIGHUP, before)

    def finish(self, *options: str) -> tuple[int, str]:
        """Run to the end; returns the exit status and what was said on stderr."""
        process = self.start(*options)
        _, said = process.communicate(timeout=300)
        assert "Traceback" not in said
        return process.returncode, said

    def starts(self) -> Counter[int]:
        """How often each trial's evaluation began."""
        marks = self.place / "starts"
        return Counter(int(line.split()[0]) for line in marks.read_text().splitlines()) if marks.exists() else Counter()

    def finished(self) -> dict[int, str]:
        """What the trials came to whose evaluation is over: in the record, or kept beside it."""
        history = read_record(self.folder).history if self.folder.exists() else History()
        done = {trial.index: str(trial.metrics["accuracy"]) for trial in history.completed}
        for trial in history.pending:
            if (self.folder / "trials" / str(trial.index) / FILE).exists():
                done[trial.index] = "kept"
        return done

    def workers(self, process: subprocess.Popen[str]) -> list[int]:
        """The processes that evaluate now."""
        pids = [int(line.split()[1]) for line in (self.place / "starts").read_text().splitlines()]
        return [pid for pid in dict.fromkeys(reversed(pids)) if psutil.pid_exists(pid)]

    def wait_for_evaluations(self, process: subprocess.Popen[str], before: int) -> None:
        """Until there are more starts than before, or the process has ended."""
        wait_for(lambda: self.starts().total() > before or process.poll() is not None)

    def check_replay(self) -> History:
        """Each proposal follows from the events before it."""
        snapshot = read_record(self.folder)
        strategy = RegularizedEvolution(get_space("nb201"), Objective.parse("accuracy"))
        for trial in snapshot.history:
            (again,) = propose(strategy, snapshot.history.before(trial.index), 1, snapshot.config.seed)
            assert again.architecture == trial.architecture
        return snapshot.history


@pytest.fixture
def case(tmp_path: Path) -> Callable[[float], Case]:
    """Makes cases."""
    return lambda seconds: Case(tmp_path, seconds)


def wait_for(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
def test_a_driver_that_is_killed_loses_nothing_and_evaluates_nothing_twice(
    workers: int, case: Callable[[float], Case]
) -> None:
    run = case(0.4)
    rng = np.random.default_rng(workers)
    budget = 30 * workers
    options = ("--workers", str(workers), "--budget", str(budget), "--max-failures", "1")
    before: dict[int, str] = {}
    starts: Counter[int] = Counter()
    for kill in range(10):
        process = run.start(*options)
        # Anywhere in the start of the process; or once evaluations run, which is the same on a busy machine.
        if kill % 5:
            run.wait_for_evaluations(process, starts.total())
            time.sleep(rng.uniform(0, 1.5))
        else:
            time.sleep(rng.uniform(0.2, 3.0))
        process.kill()
        process.communicate()
        now, started = run.finished(), run.starts()
        assert all(now[index] == value or value == "kept" for index, value in before.items())
        for index in before:
            assert started[index] == starts[index], f"trial {index} was over and was evaluated again"
        before, starts = now, started
    assert len(before) > 10, "the kills came too early to show anything"
    status, said = run.finish(*options)
    assert status == 0, said
    history = run.check_replay()
    assert len(history.completed) == budget
    assert all(trial.metrics["steps"] == 4 for trial in history), "a trial goes on where it was killed"
    assert all([point.step for point in trial.curve] == [1, 2, 3, 4] for trial in history)


@pytest.mark.slow
def test_workers_that_are_killed_are_tried_again(case: Callable[[float], Case]) -> None:
    run = case(1.2)
    rng = np.random.default_rng(0)
    process = run.start("--workers", "4", "--budget", "40", "--max-attempts", "30")
    wait_for(lambda: (run.place / "starts").exists())
    for _ in range(20):
        time.sleep(rng.uniform(0.1, 0.6))
        workers = run.workers(process)
        if workers:
            os.kill(int(rng.choice(workers)), signal.SIGKILL)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    history = run.check_replay()
    assert len(history.completed) == 40
    assert sum(trial.attempts for trial in history) >= 3


@pytest.mark.slow
def test_a_record_that_is_locked_is_waited_for(case: Callable[[float], Case]) -> None:
    run = case(0.4)
    process = run.start("--budget", "8")
    wait_for(lambda: len(run.finished()) >= 2)
    with closing(sqlite3.connect(run.folder / "record.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(10)
        other.execute("ROLLBACK")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert re.search(r"^note: \S*record\.db is locked by another process: waiting up to 5m for it$", said, re.M)
    assert len(run.check_replay().completed) == 8
    assert set(run.starts().values()) == {1}


@pytest.mark.slow
def test_asked_to_end_while_the_record_is_locked_it_ends_and_keeps_what_is_finished(
    case: Callable[[float], Case],
) -> None:
    run = case(0.4)
    process = run.start("--budget", "6")
    wait_for(lambda: len(run.finished()) >= 2)
    with closing(sqlite3.connect(run.folder / "record.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(2)
        process.terminate()
        _, said = process.communicate(timeout=10)
        other.execute("ROLLBACK")
    assert process.returncode == 143, said
    assert "go on by `bonag resume r`" in said
    over = run.finished()
    starts = run.starts()
    assert run.finish()[0] == 0
    assert len(run.check_replay().completed) == 6
    assert all(run.starts()[index] == starts[index] for index in over)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_end_a_run_in_order_and_it_goes_on(number: signal.Signals, case: Callable[[float], Case]) -> None:
    run = case(0.6)
    process = run.start("--budget", "12", "--workers", "3")
    wait_for(lambda: len(run.finished()) >= 2)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "go on by `bonag resume r`" in said
    snapshot = read_record(run.folder)
    assert snapshot.state is RunState.INTERRUPTED
    assert not snapshot.history.pending, "what ran came to its end"
    assert run.finish()[0] == 0
    assert set(run.starts().values()) == {1}
    assert len(run.check_replay().completed) == 12


@pytest.mark.slow
def test_of_two_that_resume_at_once_one_goes_on(case: Callable[[float], Case]) -> None:
    run = case(0.6)
    process = run.start("--budget", "10")
    wait_for(lambda: len(run.finished()) >= 1)
    process.kill()
    process.communicate()
    two = [run.start(), run.start()]
    ends = [one.communicate(timeout=120)[1] for one in two]
    assert sorted(one.returncode for one in two) == [0, 2]
    (refused,) = [said for one, said in zip(two, ends, strict=True) if one.returncode == 2]
    assert re.fullmatch(r"error: \S+ is being written by process \d+, which is alive[^\n]*\n", refused)
    assert len(run.check_replay().completed) == 10


@pytest.mark.slow
def test_a_full_disk_is_waited_for_and_nothing_is_lost(case: Callable[[float], Case], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    run = case(0.4)
    results = run.place / "results"
    results.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", results], check=True)
    try:
        process = run.start("--budget", "8", "--workers", "2")
        wait_for(lambda: len(run.finished()) >= 2)
        free = os.statvfs(results)
        (results / "ballast").write_bytes(b"x" * (free.f_bavail * free.f_bsize))
        time.sleep(6)
        assert process.poll() is None, process.communicate()
        (results / "ballast").unlink()
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        history = run.check_replay()
        assert len(history) == 8
        assert {trial.status for trial in history} == {TrialStatus.COMPLETED}, "a checkpoint is no reason to fail"
    finally:
        subprocess.run(["umount", "-l", results], check=True)


@pytest.mark.slow
def test_a_clock_that_is_set_back_changes_nothing(case: Callable[[float], Case]) -> None:
    run = case(0.2)
    script = (
        "import itertools, time\n"
        "real, calls = time.time, itertools.count()\n"
        "time.time = lambda: real() - 3600 * next(calls)\n"
        "from bonag.cli import main\nmain()\n"
    )
    command = [sys.executable, "-c", script, *RUN, "--name", "r", "--budget", "12", "--workers", "2"]
    done = subprocess.run(command, cwd=run.place, env=run.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    history = run.check_replay()
    assert len(history.completed) == 12
    ends = [trial.ended_at for trial in history.completed]
    assert ends != sorted(ends)


@pytest.mark.parametrize("closed", ["closed", *(pytest.param(one, marks=pytest.mark.slow) for one in ("head", "full"))])
def test_nobody_who_reads_the_output_is_needed(closed: str, case: Callable[[float], Case]) -> None:
    run = case(0.04)
    command = " ".join([*BONAG, *RUN, "--name", "r", "--budget", "4"])
    end = {"head": "| head -n 1", "full": "> /dev/full", "closed": ">&- 2>&-"}[closed]
    shell = ["bash", "-o", "pipefail", "-c", f"{command} {end}"]
    done = subprocess.run(shell, cwd=run.place, env=run.environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert len(run.check_replay().completed) == 4


@pytest.mark.slow
def test_a_trial_that_was_kept_beside_the_record_is_not_evaluated_again(case: Callable[[float], Case]) -> None:
    run = case(0.04)
    assert run.finish("--budget", "3")[0] == 0
    # As if the process had died between the two.
    snapshot = read_record(run.folder)
    trial = snapshot.history.trials[2]
    with closing(sqlite3.connect(run.folder / "record.db", isolation_level=None)) as record:
        record.execute("DELETE FROM bonag_trials WHERE trial = 2")
        record.execute("DELETE FROM bonag_metrics WHERE trial = 2")
        record.execute("DELETE FROM bonag_reports WHERE trial = 2")
        record.execute("UPDATE bonag_runs SET state = 'running'")
    from dataclasses import replace

    from bonag.record import open_record
    from loops.protocols import Job, Outcome
    from loops.trial_folder import keep_outcome

    running = replace(trial, status=TrialStatus.RUNNING, metrics={}, curve=(), ended_event=None, ended_at=None)
    with open_record(run.folder) as opened:
        opened.add([running])
    job = Job(2, trial.architecture, trial_seed(snapshot.config.seed, 2), run.folder / "trials" / "2")
    keep_outcome(job, Outcome(2, {"accuracy": 7.0, "steps": 4.0}, None, 0.1))
    before = run.starts()
    status, said = run.finish()
    assert status == 0, said
    assert run.starts() == before
    assert read_record(run.folder).history.trials[2].metrics["accuracy"] == 7.0
    assert not (run.folder / "trials" / "2" / FILE).exists()
