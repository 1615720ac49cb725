"""Strategies against each other on the same objective, with paired seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bonag.evaluators import make_evaluator
from bonag.evaluators.batch import BatchEvaluator
from bonag.executors.local import LocalExecutor
from bonag.strategies import make_strategy
from loops.config import RunConfig
from loops.errors import UserError
from loops.history import History, Trial
from loops.loop import search
from loops.objective import Objective
from search_spaces import get_space

MILESTONES = (10, 20, 30, 50, 100, 150, 200, 300)


@dataclass(frozen=True)
class Contest:
    """One objective, and how long and how often every strategy may work on it.

    acquisition, predictor: of strategy ``bonag``.
    """

    space: str
    evaluator: str | None
    task: str | None
    objective: str
    budget: int
    seeds: int
    data: str | None = None
    acquisition: str = "log-ei"
    predictor: str = "gp"


class _MemoryRecorder:
    """A record that does not outlive the process."""

    def __init__(self) -> None:
        self._history = History()

    def history(self) -> History:
        return self._history

    def add(self, trials: Sequence[Trial]) -> None:
        self._history = self._history.updated(*trials)

    def finish(self, trial: Trial) -> None:
        self._history = self._history.updated(trial)


def run_one(contest: Contest, strategy: str, seed: int) -> pd.DataFrame:
    """The completed trials of one strategy with one seed: strategy, seed, trial, architecture, value, proposal seconds.

    Raises UserError if there is none.
    """
    space, objective = get_space(contest.space), Objective.parse(contest.objective)
    evaluator = make_evaluator(
        space, contest.evaluator, contest.task, None if contest.data is None else Path(contest.data)
    )
    config = RunConfig(
        name="bench", space=contest.space, evaluator=contest.evaluator or "", task=contest.task,
        objective=contest.objective, budget=contest.budget, strategy=strategy, seed=seed,
    )  # fmt: skip
    recorder = _MemoryRecorder()
    # The baselines have neither.
    guidance = {"acquisition": contest.acquisition, "predictor": contest.predictor} if strategy == "bonag" else {}
    made = make_strategy(strategy, space, objective, device="cpu", **guidance)
    for _ in search(config, made, evaluator, LocalExecutor(), recorder):
        pass
    trials = recorder.history().completed
    if not trials:
        reason = recorder.history().trials[-1].reason
        raise UserError(f"strategy '{strategy}', seed {seed}: no evaluation succeeded, the last failed with {reason}")
    return pd.DataFrame(
        {
            "strategy": strategy,
            "seed": seed,
            "trial": [trial.index for trial in trials],
            "architecture": [str(trial.architecture) for trial in trials],
            "value": [trial.metrics[objective.goal.metric] for trial in trials],
            "proposal_seconds": [trial.proposal_seconds for trial in trials],
        }
    )


def run_contest(contest: Contest, strategies: Sequence[str], workers: int = 1) -> Iterator[pd.DataFrame]:
    """The trials of every strategy and seed, as they come in; each worker is a process of one thread.

    What fails in a worker is raised here, and ends the contest.
    """
    pairs = [(strategy, seed) for seed in range(contest.seeds) for strategy in strategies]
    # A fresh interpreter per worker: a forked PyTorch may hang.
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        waiting = [pool.submit(run_one, contest, strategy, seed) for strategy, seed in pairs]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BaseException:
            # Whatever waits would be worked off first, which may take hours.
            pool.shutdown(cancel_futures=True)
            raise


def best_known(contest: Contest) -> float | None:
    """The best value of the whole space where that can be enumerated and its values are computed, else None."""
    space, objective = get_space(contest.space), Objective.parse(contest.objective)
    if not hasattr(space, "all"):
        return None
    evaluator = make_evaluator(
        space, contest.evaluator, contest.task, None if contest.data is None else Path(contest.data)
    )
    if not isinstance(evaluator, BatchEvaluator):
        return None
    scores = objective.goal.sign * evaluator.evaluate_many(space.all())[objective.goal.metric]
    return objective.goal.sign * float(np.nanmax(scores))


def summary(trials: pd.DataFrame, contest: Contest, optimum: float | None) -> pd.DataFrame:
    """One row per strategy: median and 90 % quantile of the queries to the optimum and the share of runs that reach it,
    medians of best-so-far, mean seconds per proposal. Failed trials are queries too.
    """
    objective = Objective.parse(contest.objective)
    rows = []
    for strategy, of_strategy in trials.groupby("strategy", sort=False):
        best: dict[int, list[float]] = {n: [] for n in MILESTONES if n <= contest.budget}
        queries = []
        for _, run in of_strategy.groupby("seed"):
            scores, asked = run["value"].to_numpy() * objective.goal.sign, run["trial"].to_numpy() + 1.0
            for n, found in best.items():
                found.append(float(scores[asked <= n].max(initial=-np.inf)) * objective.goal.sign)
            if optimum is not None:
                hits = asked[scores >= optimum * objective.goal.sign - 1e-9]
                queries.append(float(hits.min(initial=np.inf)))
        row: dict[str, object] = {"strategy": strategy, "seeds": of_strategy["seed"].nunique()}
        if queries:
            row["queries to best (median)"] = float(np.median(queries))
            row["(90 %)"] = float(np.quantile(queries, 0.9, method="higher"))
            row["reached"] = float(np.mean(np.isfinite(queries)))
        for n, found in best.items():
            row[f"best@{n}"] = round(float(np.median(found)), 3)
        row["s/proposal"] = round(float(of_strategy["proposal_seconds"].mean()), 3)
        rows.append(row)
    return pd.DataFrame(rows)


def _one_thread() -> None:
    import os

    # Before PyTorch is loaded, for OpenMP asks but once.
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
