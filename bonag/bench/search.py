"""`bonag bench search`: strategies against each other on the same objective, with paired seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bonag.bench.published import PublishedSearch
from bonag.bench.search_contest import Contest
from bonag.bench.search_measure import check_best_known, make_measure, whole_space
from bonag.bench.search_run import columns
from bonag.bench.search_store import Plan, Store, open_store
from bonag.bench.search_table import make_table, measure_progress
from bonag.bench.search_workers import Run, run_all
from bonag.whole_file import whole_file

TABLE, FIGURE = "table.csv", "figure.svg"


def compete(
    folder: Path,
    contest: Contest,
    strategies: Sequence[str],
    seeds: int,
    *,
    workers: int = 1,
    resume: bool = False,
    reference: str | None = None,
    best_known: float | None = None,
    published: Sequence[PublishedSearch] = (),
    say: Callable[[str, float | None], None] = lambda line, left: None,
) -> pd.DataFrame:
    """Run what the folder's contest lacks, and write its ``trials.parquet``, ``table.csv`` and ``figure.svg``.

    seeds: how many, from 0. reference: the strategy that the others are tested against; None for the first.
    best_known: as in ``make_measure``. published: searches of others, which the figure shows too. say: takes a line
    about each run that has ended, and the seconds that are left.
    Returns the table (``search_table.make_table``). Raises UserError; runs that have ended are kept, then and always.
    """
    everything = whole_space(contest)
    # Whatever is wrong is said now, and not after hours of runs.
    check_best_known(contest.objective, best_known)
    if everything is not None:
        make_measure(contest, pd.DataFrame(columns=columns(contest)), everything, best_known)
    store = open_store(folder, Plan(contest, tuple(strategies), seeds), resume)
    try:
        _run_missing(store, workers, say)
        trials = store.merge()
    finally:
        store.close()
    return evaluate(folder, store.plan, trials, everything, reference, best_known, published)


def evaluate(
    folder: Path,
    plan: Plan,
    trials: pd.DataFrame,
    everything: Mapping[str, np.ndarray] | None,
    reference: str | None = None,
    best_known: float | None = None,
    published: Sequence[PublishedSearch] = (),
) -> pd.DataFrame:
    """Write the table and the figure of a contest whose runs have all ended, and return the table.

    everything: as ``whole_space`` gives it; the rest as for ``compete``.
    """
    measure = make_measure(plan.contest, trials, everything, best_known)
    progress = measure_progress(trials, measure, plan.strategies, plan.contest.budget)
    table = make_table(progress, measure, reference or plan.strategies[0])
    with whole_file(folder / TABLE) as file:
        table.to_csv(file, index=False, float_format="%.6g", lineterminator="\n")
    from bonag.bench.search_figure import draw

    draw(progress, measure, plan.contest.title(), folder / FIGURE, published)
    return table


def _run_missing(store: Store, workers: int, say: Callable[[str, float | None], None]) -> None:
    runs = [Run(*missing) for missing in store.missing()]
    total = len(store.plan.strategies) * store.plan.seeds
    kept = total - len(runs)
    if kept:
        say(f"{kept} of {total} runs are in {store.folder}", None)
    clock = _Clock(runs, workers)
    for done, (run, trials) in enumerate(run_all(store.plan.contest, runs, workers), start=1):
        store.add(trials)
        say(f"{kept + done} of {total} runs: {run.strategy}, seed {run.seed}", clock.left(run, trials))


class _Clock:
    """How much time is left, from what the runs of each strategy took."""

    def __init__(self, runs: Sequence[Run], workers: int) -> None:
        self._waiting = list(runs)
        self._workers = workers
        self._start = time.monotonic()
        self._seconds: dict[str, list[float]] = {}

    def left(self, run: Run, trials: pd.DataFrame) -> float:
        """Seconds, after one more run has ended."""
        self._waiting.remove(run)
        begun = 0 if run.before is None else len(run.before)
        self._seconds.setdefault(run.strategy, []).append(float(trials["proposal_seconds"].iloc[begun:].sum()))
        done = [seconds for own in self._seconds.values() for seconds in own]
        # What evaluations and the starts of processes add is shared out over the runs so far.
        more = max(0.0, (time.monotonic() - self._start) * self._workers - sum(done)) / len(done)
        mean = sum(done) / len(done)
        left = 0.0
        for waiting in self._waiting:
            own = self._seconds.get(waiting.strategy)
            left += more + (mean if own is None else sum(own) / len(own))
        return left / self._workers
