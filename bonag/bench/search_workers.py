"""Runs side by side, in processes of one thread that serve one strategy each."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING

from bonag.bench.search_contest import Contest
from bonag.running_trial import RunningTrial
from search_spaces.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bonag.bench.memory import PeakMemory
    from loops.protocols import Evaluator

# NumPy's and PyTorch's libraries ask for these once, when they are loaded.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# A forked PyTorch may hang, so a fresh interpreter each.
_CONTEXT = multiprocessing.get_context("spawn")


@dataclass(frozen=True, eq=False)
class Run:
    """One strategy with one seed; before: the trials that it has already, or None."""

    strategy: str
    seed: int
    before: pd.DataFrame | None = None


# Carries out a run of a contest with its evaluator; the memory is counted since the process was idle. The other process
# finds it by its name, so it is a function of a module.
Perform = Callable[[Contest, Run, "Evaluator", "PeakMemory"], "pd.DataFrame"]


def search(contest: Contest, run: Run, evaluator: Evaluator, memory: PeakMemory) -> pd.DataFrame:
    """The trials of the run, ``search_run.columns``."""
    from bonag.bench.search_run import run_one

    return run_one(contest, run.strategy, run.seed, run.before, evaluator, memory)


@dataclass
class _Worker:
    strategy: str
    process: SpawnProcess
    connection: Connection
    run: Run | None = None

    def give(self, run: Run) -> None:
        self.run = run
        with suppress(OSError):  # a process that is gone is met when its answer is awaited
            self.connection.send(run)

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def run_all(
    contest: Contest, runs: Sequence[Run], workers: int, perform: Perform = search
) -> Iterator[tuple[Run, pd.DataFrame]]:
    """What every run came to, as they come in: its trials, or whatever ``perform`` makes of it.

    No two strategies share a process, for the memory of one would be counted as the other's. The first run that fails
    is raised here, as UserError where that says all, and ends the contest.
    """
    waiting = deque(runs)
    alive: list[_Worker] = []
    try:
        while waiting or alive:
            while waiting and len(alive) < workers:
                alive.append(_start(contest, waiting[0].strategy, perform))
                alive[-1].give(waiting.popleft())
            ready = wait([worker.connection for worker in alive])
            for worker in [worker for worker in alive if worker.connection in ready]:
                assert worker.run is not None
                done, trials = worker.run, _answer(worker)
                if waiting and waiting[0].strategy == worker.strategy:
                    worker.give(waiting.popleft())
                else:
                    alive.remove(worker)
                    worker.stop()
                yield done, trials
    finally:
        for worker in alive:
            worker.stop()


def _start(contest: Contest, strategy: str, perform: Perform) -> _Worker:
    here, there = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_work, args=(there, contest, perform), daemon=True)
    with _one_thread(), _ctrl_c_held():
        process.start()
    there.close()
    return _Worker(strategy, process, here)


def _answer(worker: _Worker) -> pd.DataFrame:
    assert worker.run is not None
    where = f"strategy '{worker.run.strategy}', seed {worker.run.seed}"
    try:
        kind, content = worker.connection.recv()
    except EOFError:
        worker.process.join()
        status = worker.process.exitcode
        raise UserError(f"{where}: its process ended with status {status} (-9: killed, or out of memory)") from None
    if kind == "refused":
        raise UserError(content)
    if kind == "failed":
        raise RuntimeError(f"{where} failed:\n{content}")
    return content


def _work(connection: Connection, contest: Contest, perform: Perform) -> None:
    """The life of a worker: runs come in, what they came to goes out, until the other end is closed."""
    # What libraries think of a matrix would come hundreds of times, between the lines that tell how far it is.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import numpy as np

    from bonag.bench.memory import PeakMemory

    try:
        evaluator = contest.make_evaluator()
        # Whatever it loads when first asked is no part of the strategy's memory.
        with suppress(LookupError):
            evaluator.evaluate(contest.make_space().sample(1, np.random.default_rng(0))[0], RunningTrial())
        memory = PeakMemory()
    except Exception as error:
        connection.send(_failure(error))
        return
    while True:
        try:
            run = connection.recv()
        except EOFError:
            return
        try:
            connection.send(("done", perform(contest, run, evaluator, memory)))
        except Exception as error:
            connection.send(_failure(error))


def _failure(error: Exception) -> tuple[str, str]:
    return ("refused", str(error)) if isinstance(error, UserError) else ("failed", traceback.format_exc())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """What is started within has one thread for its arithmetic."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """What is started within never gets the Ctrl-C that is meant for this process, which gets it afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
