"""One run of a contest: one strategy with one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bonag.bench.memory import PeakMemory
from bonag.bench.search_contest import Contest
from bonag.evaluators.sizing import sized_space
from bonag.executors.in_process import InProcessExecutor
from bonag.roles import STRATEGIES
from bonag.strategies.making import OPTIONAL, SOURCES, make_strategy
from loops.ending import RunState
from loops.history import History, Trial, TrialStatus
from loops.loop import Loop
from loops.memory_record import MemoryRecord
from loops.objective import Objective
from loops.protocols import Evaluator, RunningTrial, Strategy
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError

# Of every trial, before and after the metrics of the objective. The others follow from the architecture.
BEFORE, AFTER = ("strategy", "seed", "trial", "architecture", "status"), ("proposal_seconds", "peak_mb", "labels")


class OnlyTheObjective:
    """An evaluator that tells the metrics of the objective alone.

    So a strategy knows nothing but what ``columns`` keep, and a run that goes on from them is the same as one that was
    never stopped.
    """

    def __init__(self, evaluator: Evaluator, objective: Objective) -> None:
        self.metrics, self.description = objective.metrics, evaluator.description
        self._evaluator = evaluator

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> Mapping[str, float]:
        measured = self._evaluator.evaluate(architecture, trial)
        return {name: measured[name] for name in self.metrics if name in measured}


def columns(contest: Contest) -> list[str]:
    """The columns of a run's trials: strategy, seed, trial, architecture, status, one per metric of the objective,
    proposal_seconds (of the strategy alone), and, the same in every row of a run, peak_mb and labels."""
    return [*BEFORE, *contest.objective.metrics, *AFTER]


def run_one(
    contest: Contest,
    strategy: str,
    seed: int,
    before: pd.DataFrame | None = None,
    evaluator: Evaluator | None = None,
    memory: PeakMemory | None = None,
) -> pd.DataFrame:
    """The trials of one strategy with one seed, as ``columns``; raises UserError where failures ended it early.

    before: trials of the same run with a smaller budget, to go on from: a run is a function of what came before.
    evaluator: the contest's, if it is there already. memory: since this process was idle; None if it is so now.
    """
    space, objective = contest.make_space(), contest.objective
    evaluator = evaluator or contest.make_evaluator()
    space, evaluator = sized_space(space, evaluator), OnlyTheObjective(evaluator, objective)
    config = contest.config(strategy, seed)
    memory = memory or PeakMemory()
    # The others have a way of their own to decide.
    options = {role: getattr(contest, role) for role in STRATEGIES.asks(strategy, OPTIONAL)}
    sources = contest.read_sources(seed) if SOURCES in STRATEGIES.asks(strategy, [SOURCES]) else ()
    made = make_strategy(strategy, space, objective, sources=sources, **options)
    record = MemoryRecord(None if before is None else _history(before, space, objective.metrics))
    loop = Loop(config, made, evaluator, InProcessExecutor(space), record)
    over = loop.run()
    if over.state is not RunState.FINISHED:
        raise UserError(f"strategy '{strategy}', seed {seed}: {over.reason}")
    peak = memory.megabytes()
    history = loop.history
    if not history.completed:
        raise UserError(
            f"strategy '{strategy}', seed {seed}: no evaluation succeeded, the last failed with "
            f"{history.trials[-1].reason}"
        )
    if before is not None:
        peak = max(peak, float(before["peak_mb"].iloc[0]))
    metrics = {name: [trial.metrics.get(name, np.nan) for trial in history] for name in objective.metrics}
    return pd.DataFrame(
        {
            "strategy": strategy,
            "seed": seed,
            "trial": [trial.index for trial in history],
            "architecture": [str(trial.architecture) for trial in history],
            "status": [str(trial.status) for trial in history],
            **metrics,
            # Three digits: a clock gives no more, and the file stays small.
            "proposal_seconds": [float(f"{trial.proposal_seconds:.3g}") for trial in history],
            "peak_mb": round(peak, 1),
            "labels": labels_used(made, space, contest.generator) + sum(source.labels for source in sources),
        },
        columns=columns(contest),
    )


def labels_used(strategy: Strategy, space: SearchSpace, generator: str | None = None) -> int:
    """How many evaluations went into the strategy before its first query.

    What its attribute ``labels`` says; without one, what the training of its generator used, by the record in that
    file: ``generator``, or the one that comes with the space. A strategy that has neither was trained on nothing.
    """
    stated = getattr(strategy, "labels", None)
    if stated is not None:
        return int(stated)
    if getattr(strategy, "generator", None) is None:
        return 0
    from bonag.generators.artifact import shipped_path, training_record

    path = shipped_path(space) if generator is None else Path(generator)
    return int(training_record(path)["labels"]) if path.is_file() else 0


def _history(trials: pd.DataFrame, space: SearchSpace, metrics: Sequence[str]) -> History:
    rows = trials.to_dict("records")
    return History(
        Trial(
            index=int(row["trial"]),
            architecture=space.parse(row["architecture"]),
            status=TrialStatus(row["status"]),
            metrics={name: row[name] for name in metrics} if row["status"] == TrialStatus.COMPLETED else {},
            reason=None if row["status"] == TrialStatus.COMPLETED else "failed in the run before",
            proposal_seconds=row["proposal_seconds"],
        )
        for row in rows
    )
