"""What bonag itself costs: start-up, a whole run, and proposals as the history grows."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from bonag.api.parts import default_threads
from bonag.api.sources import MAX_ROWS
from bonag.evaluators import make_evaluator
from bonag.running_trial import RunningTrial
from bonag.strategies.making import make_strategy
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.protocols import Evaluator
from loops.seeding import rng_for
from loops.source import Source
from loops.strategies.fresh import fresh
from search_spaces import SearchSpace, get_space

# With eight workers, when one of them has ended.
PENDING = 7
# Tasks that transfer knows, and how far their accuracies are off, in per cent.
SOURCES, NOISE = 10, 0.1
BONAG = (sys.executable, "-m", "bonag")


def measure(repeats: int = 5, sizes: tuple[int, ...] = (100, 1000, 2000)) -> pd.DataFrame:
    """One row per figure: what, value, unit. Whole processes are timed from outside, with their peak memory."""
    rows: list[tuple[str, float, str]] = []
    helps = [_process([*BONAG, "--help"])[0] for _ in range(repeats)]
    rows.append(("bonag --help, median", statistics.median(helps), "s"))
    with tempfile.TemporaryDirectory() as folder:
        seconds, megabytes = _process([*BONAG, "run", "--space", "mbv3", "--budget", "100", "--out", folder])
    rows += [
        ("bonag run --space mbv3 --budget 100, wall", seconds, "s"),
        ("bonag run --space mbv3 --budget 100, peak memory", megabytes, "MB"),
    ]
    for space in ("mbv3", "nb201"):
        medians = [proposal_seconds(space, size, repeats) for size in sizes]
        for size, median in zip(sizes, medians, strict=True):
            rows.append((f"proposal, {space}, after {size} trials, median", median, "s"))
        for size, median in zip(sizes[1:], medians[1:], strict=True):
            rows.append((f"proposal, {space}, {size} trials against {sizes[0]}", median / medians[0], "x"))
        median = proposal_seconds(space, sizes[0], repeats, PENDING)
        rows.append((f"proposal, {space}, after {sizes[0]} trials, {PENDING} more running, median", median, "s"))
        median = proposal_seconds(space, sizes[0], repeats, sources=SOURCES)
        rows.append((f"proposal, {space}, {SOURCES} sources against none", median / medians[0], "x"))
    return pd.DataFrame(rows, columns=["what", "value", "unit"])


def proposal_seconds(space_name: str, trials: int, repeats: int, pending: int = 0, sources: int = 0) -> float:
    """The median time of consecutive proposals of the default strategy, each after one more trial has ended.

    trials: so many have ended before the first of them. pending: so many more run at any time. sources: so many
    similar tasks are known. The first proposal is not counted: in a run, the fits that it makes anew would have been
    remembered.
    """
    torch.set_num_threads(default_threads())  # as runs do
    space, objective = get_space(space_name), Objective.parse("accuracy")
    evaluator = make_evaluator(space)
    known = [_similar_task(space, evaluator, seed) for seed in range(sources)]
    strategy = make_strategy("bonag", space, objective, sources=known)
    history = History(
        Trial(index, architecture, TrialStatus.RUNNING)
        for index, architecture in enumerate(fresh(space, (), trials + pending, np.random.default_rng(0)))
    )

    def end_first(history: History, n: int) -> History:
        ends = (
            replace(trial, status=TrialStatus.COMPLETED, metrics=evaluator.evaluate(trial.architecture, RunningTrial()))
            for trial in history.pending[:n]
        )
        return history.updated(*ends)

    history = end_first(history, trials)
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        (proposal,) = strategy.propose(history, 1, rng_for(0, len(history)))
        seconds.append(time.perf_counter() - start)
        history = end_first(history.updated(Trial(len(history), proposal.architecture, TrialStatus.RUNNING)), 1)
    return statistics.median(seconds[1:])


def _similar_task(space: SearchSpace, evaluator: Evaluator, seed: int) -> Source:
    """As many evaluations as are kept of a source, each off by noise."""
    rng = np.random.default_rng(seed)
    architectures = tuple(fresh(space, (), MAX_ROWS, rng))
    values = [evaluator.evaluate(architecture, RunningTrial())["accuracy"] for architecture in architectures]
    return Source(f"task {seed}", architectures, {"accuracy": rng.normal(values, NOISE)}, {}, len(values))


def _process(command: list[str]) -> tuple[float, float]:
    """Wall seconds, and peak memory (MB) of the process or of the largest one that it waited for.

    The system charges a new process with its parent's memory, so no figure is below that of this process.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Not getrusage(RUSAGE_CHILDREN), which is the largest of all processes so far.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return seconds, usage.ru_maxrss / scale
