"""One run of `bonag bench workers`: a strategy, a seed, and so many workers on a virtual clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pandas as pd

from bonag.bench.memory import PeakMemory
from bonag.bench.search_contest import Contest
from bonag.bench.search_run import OnlyTheObjective
from bonag.bench.search_workers import Run
from bonag.bench.virtual_clock import VirtualExecutor
from bonag.evaluators.sizing import sized_space
from bonag.roles import STRATEGIES
from bonag.strategies.making import OPTIONAL, make_strategy
from loops.ending import RunState
from loops.loop import Loop
from loops.memory_record import MemoryRecord
from loops.protocols import Evaluator
from search_spaces.errors import UserError

COLUMNS = (
    *("strategy", "workers", "seed", "budget", "found", "queries", "begun", "time"),
    *("idle", "events", "proposal_seconds", "slowest_proposal"),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class WorkersRun(Run):
    """workers: how many. target: the value of the goal that is looked for. proposal_time: as ``VirtualExecutor``."""

    workers: int
    target: float
    proposal_time: float = 0.0


def run_workers(contest: Contest, run: Run, evaluator: Evaluator, memory: PeakMemory | None = None) -> pd.DataFrame:
    """One row of ``COLUMNS``: the run until the target is found, or the budget is spent; raises UserError if it cannot.

    found: whether it was. queries: the place of the trial that found it among all that were begun. begun: how many were
    begun when it ended. time: when it ended. idle: share of the workers' time until then. events: so many a unit of
    time, until then, that the record had to take. proposal_seconds, slowest_proposal: real ones, mean and maximum.
    Without the target, begun is all, time is the end of the last trial, and queries is infinite.
    """
    assert isinstance(run, WorkersRun)
    space, objective = sized_space(contest.make_space(), evaluator), contest.objective
    options = {role: getattr(contest, role) for role in STRATEGIES.asks(run.strategy, OPTIONAL)}
    strategy = make_strategy(run.strategy, space, objective, **options)
    config = replace(
        contest.config(run.strategy, run.seed),
        workers=run.workers,
        target=f"{objective.goal.metric}={run.target!r}",
    )
    executor = VirtualExecutor(run.workers, space, run.proposal_time)
    loop = Loop(config, strategy, OnlyTheObjective(evaluator, objective), executor, MemoryRecord())
    over = loop.run()
    if over.state is not RunState.FINISHED:
        raise UserError(f"strategy '{run.strategy}', seed {run.seed}, {run.workers} workers: {over.reason}")
    metric, sign = objective.goal.metric, objective.goal.sign
    good = [t for t in loop.history.completed if objective.admits(t) and sign * t.metrics[metric] >= sign * run.target]
    # The first to end; those that ran then have ended since, perhaps as well.
    best = min(good, key=lambda trial: executor.spans[trial.index].end, default=None)
    spans = executor.spans.values()
    time = max(span.end for span in spans) if best is None else executor.spans[best.index].end
    begun = [span for span in spans if span.begin < time]
    ended = sum(span.end <= time for span in spans)
    seconds = [trial.proposal_seconds or 0.0 for trial in loop.history]
    row = {
        "strategy": run.strategy,
        "workers": run.workers,
        "seed": run.seed,
        "budget": contest.budget,
        "found": best is not None,
        "queries": math.inf if best is None else float(best.index + 1),
        "begun": len(begun),
        "time": time,
        "idle": executor.idle_share(time),
        "events": (len(begun) + ended) / time,
        "proposal_seconds": sum(seconds) / len(seconds),
        "slowest_proposal": max(seconds),
    }
    # Six digits, so that a run is the same when it is read again.
    rounded = {name: float(f"{value:.6g}") if type(value) is float else value for name, value in row.items()}
    return pd.DataFrame([rounded], columns=list(COLUMNS))
