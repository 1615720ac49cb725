"""Evaluations in worker processes: whatever one does is its outcome, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bonag.evaluators.callable_evaluator import CallableEvaluator
from bonag.executors.local import LocalExecutor
from bonag.executors.packing import pack
from loops.protocols import Job, Outcome, Report
from search_spaces import get_space
from search_spaces.errors import UserError

SPACE = get_space("nb201")
CELLS = SPACE.sample(40, np.random.default_rng(0))


def go_on(report: Report) -> bool:
    return True


@pytest.fixture
def evaluate(tmp_path: Path) -> Iterator[Callable[..., dict[int, Outcome]]]:
    """Runs jobs 0, 1, ... by a function of the architecture and the trial; gives the outcomes by index."""
    opened: list[LocalExecutor] = []

    def run(
        function: Callable[..., Any], n: int = 1, report: Callable[[Report], bool] = go_on, **options: Any
    ) -> dict[int, Outcome]:
        executor = LocalExecutor(SPACE, **options)
        opened.append(executor)
        jobs = [Job(index, CELLS[index], 100 + index, tmp_path / str(index)) for index in range(n)]
        return {one.index: one for one in executor.run(CallableEvaluator(function, ("accuracy",)), iter(jobs), report)}

    yield run
    for executor in opened:
        executor.close()
    # Within a moment, no process of any worker is left.
    deadline = time.monotonic() + 10
    while _workers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _workers()


def _workers() -> list[int]:
    found = []
    for one in psutil.Process().children(recursive=True):
        try:
            if one.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(one.cmdline()):
                found.append(one.pid)
        except psutil.NoSuchProcess:
            continue
    return found


def misbehave(architecture: Any, trial: Any) -> Any:
    import asyncio
    import ctypes
    import resource

    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    class Keyless:
        def item(self) -> float:
            raise KeyError("no item")

    def forks() -> None:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        # The child goes on from here, as if it were the evaluation.

    def eats_memory() -> None:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, resource.RLIM_INFINITY))
        try:
            bytearray(2**32)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def prints_and_raises() -> None:
        print("\n".join(f"line {number}" for number in range(1000)))
        os.system("echo of a child >&2")
        raise ValueError("three")

    def raises(error: BaseException) -> None:
        raise error

    deeds: list[Callable[[], Any]] = [
        prints_and_raises,
        lambda: os._exit(3),
        lambda: ctypes.string_at(0),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        lambda: raises(KeyboardInterrupt()),
        lambda: raises(asyncio.CancelledError()),
        lambda: raises(SystemExit(7)),
        lambda: raises(Odd()),
        lambda: raises(ValueError("lone \udc80 surrogate, NUL \0 and \x1b[31mred")),
        eats_memory,
        lambda: float("nan"),
        lambda: None,
        lambda: "93.1",
        lambda: {"accuracy": Keyless()},
        lambda: {"a\0b": 1.0, "accuracy": 1.0},
        lambda: raises(GeneratorExit()),
        forks,
    ]
    result = deeds[trial.index]() if trial.index < len(deeds) else None
    return 5.0 if result is None and trial.index >= len(deeds) - 1 else result


REASONS = {
    0: "ValueError: three",
    1: "the evaluation ended its process with status 3",
    2: "the process of the evaluation died of SIGSEGV",
    3: "the process of the evaluation died of SIGKILL: out of memory, or killed by somebody",
    4: "KeyboardInterrupt",
    5: "CancelledError",
    6: "SystemExit: 7",
    9: "MemoryError",
    10: "metric 'accuracy' is nan",
    11: "metric 'accuracy' is NoneType and not a number",
    12: "metric 'accuracy' is str and not a number",
    13: "metric 'accuracy' is Keyless and not a number",
    14: "the metric name 'a\\x00b' cannot be recorded",
    15: "GeneratorExit",
    16: None,
    17: None,
}


@pytest.mark.slow
def test_whatever_an_evaluation_does_is_its_outcome(evaluate: Any) -> None:
    outcomes = evaluate(misbehave, 18, workers=2)
    assert sorted(outcomes) == list(range(18))
    assert {index: outcomes[index].reason for index in REASONS} == REASONS
    assert {index for index, one in outcomes.items() if one.died} == {1, 2, 3}
    for index in (7, 8):
        reason = outcomes[index].reason
        assert reason.startswith(("Odd", "ValueError: lone"))
        assert reason.isprintable()
        reason.encode()
    assert outcomes[16].metrics == outcomes[17].metrics == {"accuracy": 5.0}
    assert outcomes[0].output.endswith("line 999\nof a child")
    assert len(outcomes[0].output) <= 2000


@pytest.mark.slow
def test_what_hangs_is_killed_with_all_that_it_started(evaluate: Any, tmp_path: Path) -> None:
    def hang(architecture: Any, trial: Any) -> float:
        if trial.index == 1:
            return 1.0
        child = subprocess.Popen(["sleep", "1000"])
        Path(tmp_path / "child").write_text(str(child.pid))
        while True:
            time.sleep(0.1)

    start = time.monotonic()
    outcomes = evaluate(hang, 2, trial_timeout=4.0)
    assert time.monotonic() - start < 30
    assert outcomes[0].reason == "no outcome after 4 s, the timeout of a trial"
    assert not outcomes[0].died, "it would hang again"
    assert outcomes[1].metrics == {"accuracy": 1.0}
    child = int((tmp_path / "child").read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_evaluations_of_one_worker_do_not_change_the_run(evaluate: Any) -> None:
    import torch

    def rude(architecture: Any) -> float:
        import torch

        os.chdir("/")
        os.environ["BONAG_DATA"] = "nowhere"
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        return 1.0

    before = os.getcwd(), dict(os.environ), torch.get_default_dtype(), torch.is_grad_enabled()
    assert evaluate(rude)[0].metrics == {"accuracy": 1.0}
    assert (os.getcwd(), dict(os.environ), torch.get_default_dtype(), torch.is_grad_enabled()) == before


def test_reports_come_as_they_are_made_and_may_end_an_evaluation(evaluate: Any) -> None:
    def climb(architecture: Any, trial: Any) -> float:
        for epoch in trial.epochs(5):
            trial.report(accuracy=10.0 * epoch)
        return 99.0 if not trial.stopped else -1.0

    reports: list[Report] = []

    def until_three(report: Report) -> bool:
        reports.append(report)
        return report.index == 0 or report.step < 3

    outcomes = evaluate(climb, 2, until_three, stop_early="asha")
    assert [(one.step, one.metrics) for one in reports if one.index == 0] == [
        (step, {"accuracy": 10.0 * (step - 1)}) for step in range(1, 6)
    ]
    assert [one.step for one in reports if one.index == 1] == [1, 2, 3]
    assert (outcomes[0].metrics, outcomes[0].stopped) == ({"accuracy": 99.0}, False)
    assert (outcomes[1].metrics, outcomes[1].stopped) == ({"accuracy": -1.0}, True)


def test_a_job_is_taken_only_when_it_can_start(tmp_path: Path) -> None:
    taken: list[int] = []

    def lazily() -> Iterator[Job]:
        for index in range(6):
            taken.append(index)
            yield Job(index, CELLS[index], index, tmp_path / str(index))

    executor = LocalExecutor(SPACE, workers=2)
    try:
        for ended, _ in enumerate(executor.run(CallableEvaluator(lambda a: 1.0, ("accuracy",)), lazily(), go_on)):
            assert len(taken) <= ended + 2
    finally:
        executor.close()
    assert taken == list(range(6))


def test_an_evaluator_that_cannot_travel_is_refused() -> None:
    import threading

    lock = threading.Lock()
    executor = LocalExecutor(SPACE)
    with pytest.raises(UserError, match=r"^the evaluator cannot be sent to other processes: [^\n]*$"):
        list(executor.run(CallableEvaluator(lambda a: lock.locked(), ("accuracy",)), [], go_on))


@pytest.mark.slow
def test_workers_die_with_the_process_that_they_work_for(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import os, time
        import bonag

        def hang(architecture, trial):
            open({str(tmp_path)!r} + f"/{{os.getpid()}}.pid", "w").close()
            time.sleep(1000)

        bonag.search(space="nb201", evaluator=hang, strategy="random", workers=2, budget=4, out={str(tmp_path)!r})
    """)
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    while len(found := list(tmp_path.glob("*.pid"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(found) == 2
    process.kill()
    process.wait()
    workers = [int(one.stem) for one in found]
    deadline = time.monotonic() + 10
    while any(map(_lives, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_lives, workers))


def _lives(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_evaluations_run_side_by_side(evaluate: Any) -> None:
    def sleep(architecture: Any) -> float:
        time.sleep(0.5)
        return 1.0

    evaluate(sleep, 8, workers=8)  # the workers start
    executor = LocalExecutor(SPACE, workers=8)
    try:
        evaluator = CallableEvaluator(sleep, ("accuracy",))
        jobs = [Job(index, CELLS[index], index) for index in range(8)]
        list(executor.run(evaluator, iter(jobs), go_on))
        start = time.perf_counter()
        list(executor.run(evaluator, iter(jobs * 2), go_on))
        assert time.perf_counter() - start < 3.0, "one after the other they take 8 s"
    finally:
        executor.close()


def test_a_library_that_gives_a_module_a_second_name_is_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    alias = type(sys)("gone.since")
    alias.__file__ = "somewhere.py"
    monkeypatch.setitem(sys.modules, "second_name", alias)
    assert pack(("parts",))
