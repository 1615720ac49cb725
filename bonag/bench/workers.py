"""`bonag bench workers`: how much sooner many workers find the best, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bonag.bench.search_contest import Contest
from bonag.bench.search_measure import TOLERANCE, make_measure, whole_space
from bonag.bench.search_run import columns
from bonag.bench.search_workers import run_all
from bonag.bench.workers_figure import draw
from bonag.bench.workers_run import WorkersRun, run_workers
from bonag.bench.workers_store import WorkersPlan, WorkersStore, open_workers
from bonag.bench.workers_table import make_table, table_text
from bonag.whole_file import whole_file
from search_spaces.errors import UserError

TABLE, TEXT, FIGURE = "table.csv", "table.md", "figure.svg"


def measure(
    folder: Path,
    contest: Contest,
    strategies: Sequence[str],
    workers: Sequence[int],
    seeds: int,
    *,
    processes: int = 1,
    resume: bool = False,
    rank: int = 1,
    best_known: float | None = None,
    proposal_time: float = 0.0,
    say: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Make the runs that the folder lacks, and write its ``runs.csv``, ``table.csv``, ``table.md`` and ``figure.svg``.

    workers: numbers of them; 1 is always among them. seeds: how many, from 0. processes: runs at a time. rank: a run
    ends at an architecture as good as this one of all. best_known, instead: at this value, where the space cannot be
    enumerated. proposal_time: as ``VirtualExecutor``. Returns the table (``workers_table.make_table``).

    Raises UserError; runs that have ended are kept, then and always.
    """
    target = _target(contest, rank, best_known)
    numbers = tuple(sorted({1, *workers}))
    store = open_workers(folder, WorkersPlan(contest, tuple(strategies), numbers, seeds, target, proposal_time), resume)
    try:
        _run_missing(store, processes, say)
    finally:
        store.close()
    plan = store.plan
    table = make_table(store.runs, plan.strategies)
    with whole_file(folder / TABLE) as file:
        table.to_csv(file, index=False, float_format="%.6g", lineterminator="\n")
    with whole_file(folder / TEXT) as file:
        file.write_text(table_text(table) + "\n")
    draw(table, f"{plan.contest.title()} ({plan.seeds} seeds)", folder / FIGURE)
    return table


def _run_missing(store: WorkersStore, processes: int, say: Callable[[str], None]) -> None:
    plan = store.plan
    runs = [
        WorkersRun(strategy, seed, workers=workers, target=plan.target, proposal_time=plan.proposal_time)
        for strategy, seed, workers in store.missing()
    ]
    total = len(plan.strategies) * len(plan.workers) * plan.seeds
    kept = total - len(runs)
    if kept:
        say(f"{kept} of {total} runs are in {store.folder}")
    for done, (run, row) in enumerate(run_all(plan.contest, runs, processes, run_workers), start=1):
        assert isinstance(run, WorkersRun)
        store.add(row)
        found = f"found after {row['time'][0]:.3g}" if row["found"][0] else "not found"
        say(f"{kept + done} of {total} runs: {run.strategy}, seed {run.seed}, {run.workers} workers: {found}")


def _target(contest: Contest, rank: int, best_known: float | None) -> float:
    """The value that ends a run; raises UserError where there is none."""
    if not contest.objective.single:
        raise UserError("workers are compared by the time to the best of one goal without constraints")
    everything = whole_space(contest)
    if everything is None and best_known is None:
        raise UserError(f"the best of {contest.space} is not known: say by --best-known when a run ends")
    if rank > 1:
        if everything is None:
            raise UserError(f"--rank {rank}: {contest.space} cannot be enumerated, say by --best-known when a run ends")
        goal = contest.objective.goal
        scores = np.sort(goal.sign * np.asarray(everything[goal.metric], dtype=np.float64))[::-1]
        if rank > len(scores):
            raise UserError(f"--rank {rank}: {contest.space} has {len(scores):,} architectures")
        return float(goal.sign * (scores[rank - 1] - TOLERANCE))
    return make_measure(contest, pd.DataFrame(columns=columns(contest)), everything, best_known).target
