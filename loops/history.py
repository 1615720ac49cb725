"""The trials and events of a run: all that a strategy may know."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces import Architecture
from search_spaces.architecture import COUNTED

if TYPE_CHECKING:
    import pandas as pd

# The columns of a table of trials that are moments.
TIMES = ("proposed_at", "ended_at")
# How a CSV file has them.
MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"
# The origin of a trial that was known before the run.
KNOWN = "known"


class TrialStatus(StrEnum):
    """Where a trial stands. Stopped: told to end early, with the metrics of then. Abandoned: given up by somebody."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class Point:
    """What a running trial reported: metrics at a step, which counts epochs or anything. event: when, see Trial."""

    step: int
    metrics: Mapping[str, float]
    event: int


@dataclass(frozen=True)
class Trial:
    """One architecture with its status and its measured metrics.

    provenance: how it came to be proposed (step, acquisition value, ...), JSON values only.
    reason: why it failed, was stopped or was abandoned. output: the last lines that a failed evaluation printed.
    curve: what it reported while it ran, by rising step.
    attempts: how many of its evaluations ended with the process that they ran in.
    proposed_event, ended_event: the places of these two among all events of the run, counted from 0 as they were
    recorded; None in records of bonag 0.1, where trials ended in the order of their index.
    proposed_at, ended_at: seconds since the epoch; proposal_seconds, evaluation_seconds: time spent.
    None of the times takes part in a search.
    """

    index: int
    architecture: Architecture
    status: TrialStatus
    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    proposed_at: float | None = None
    ended_at: float | None = None
    proposal_seconds: float | None = None
    evaluation_seconds: float | None = None
    curve: tuple[Point, ...] = ()
    attempts: int = 0
    output: str | None = None
    proposed_event: int | None = None
    ended_event: int | None = None

    @property
    def is_query(self) -> bool:
        """Whether its evaluation was one of this run's, and not known beforehand."""
        return self.provenance.get("origin") != KNOWN


class History:
    """The trials in the order of their index, and the order of what happened to them; a value that does not change."""

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self.trials: tuple[Trial, ...] = tuple(sorted(trials, key=lambda trial: trial.index))

    def __len__(self) -> int:
        return len(self.trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def updated(self, *trials: Trial) -> History:
        """A history in which these trials replace those of the same index, or are added."""
        merged = list(self.trials)
        for trial in trials:
            place = bisect_left(merged, trial.index, key=lambda one: one.index)
            known = place < len(merged) and merged[place].index == trial.index
            merged[place : place + known] = [trial]
        history = History(merged)
        history.events = max([self.events, *(1 + _latest(trial) for trial in trials)])
        return history

    def before(self, index: int) -> History:
        """The history as it was when trial ``index`` was proposed: all that its proposal may depend on."""
        event = self.trials[index].proposed_event
        if event is None:
            raise ValueError(f"the record of trial {index} does not tell the order of events")
        return History(_as_of(trial, event) for trial in self.trials if (trial.proposed_event or 0) < event)

    @cached_property
    def events(self) -> int:
        """How many events there have been: the number of the next."""
        return 1 + max(map(_latest, self.trials), default=-1)

    @cached_property
    def completed(self) -> tuple[Trial, ...]:
        """The trials with final metrics, in the order in which they ended."""
        done = [trial for trial in self.trials if trial.status is TrialStatus.COMPLETED]
        return tuple(sorted(done, key=_ended))

    @cached_property
    def judged(self) -> tuple[Trial, ...]:
        """The completed trials and those whose evaluation failed, in the order in which they ended."""
        judged = (TrialStatus.COMPLETED, TrialStatus.FAILED)
        return tuple(trial for trial in self.ended if trial.status in judged)

    @cached_property
    def ended(self) -> tuple[Trial, ...]:
        """The trials that do not run any more, in the order in which they ended."""
        return tuple(sorted((t for t in self.trials if t.status is not TrialStatus.RUNNING), key=_ended))

    @cached_property
    def pending(self) -> tuple[Trial, ...]:
        """The trials that still run, in the order of their index."""
        return tuple(trial for trial in self.trials if trial.status is TrialStatus.RUNNING)

    @cached_property
    def seen(self) -> frozenset[Architecture]:
        """Every architecture that has a trial, whatever became of it."""
        return frozenset(trial.architecture for trial in self.trials)

    @cached_property
    def metrics(self) -> frozenset[str]:
        """The name of every metric that some trial has, or has reported."""
        told = [metrics for one in self.trials for metrics in (one.metrics, *(point.metrics for point in one.curve))]
        return frozenset(name for metrics in told for name in metrics)

    @cached_property
    def queries(self) -> int:
        """How many trials count towards the budget: all whose metrics were not known beforehand."""
        return sum(trial.is_query for trial in self.trials)

    def values(self, metric: str) -> np.ndarray:
        """The metric of the completed trials, in the order in which they ended: (n,) float64."""
        return np.array([trial.metrics[metric] for trial in self.completed], dtype=np.float64)

    def frame(self) -> pd.DataFrame:
        """One row per trial: trial, status, architecture, one column per metric, reason, provenance, times.

        Params and MACs are whole numbers. proposed_at, ended_at: UTC, missing where a trial has not ended.
        """
        import pandas as pd

        metrics = sorted({name for trial in self.trials for name in trial.metrics})
        rows = [
            {
                "trial": trial.index,
                "status": str(trial.status),
                "architecture": str(trial.architecture),
                **{name: trial.metrics.get(name, np.nan) for name in metrics},
                "reason": trial.reason,
                "origin": trial.provenance.get("origin"),
                "acquisition": trial.provenance.get("acquisition"),
                "proposal_seconds": trial.proposal_seconds,
                "evaluation_seconds": trial.evaluation_seconds,
                "proposed_at": trial.proposed_at,
                "ended_at": trial.ended_at,
            }
            for trial in self.trials
        ]
        columns = ["trial", "status", "architecture", *metrics]
        columns += ["reason", "origin", "acquisition", "proposal_seconds", "evaluation_seconds"]
        frame = pd.DataFrame(rows, columns=[*columns, *TIMES])
        for name in TIMES:
            frame[name] = pd.to_datetime(frame[name].astype(float), unit="s", utc=True)
        whole = [name for name in COUNTED if name in metrics and (frame[name].dropna() % 1 == 0).all()]
        return frame.astype(dict.fromkeys(whole, "Int64"))


def _ended(trial: Trial) -> tuple[int, int]:
    return (-1 if trial.ended_event is None else trial.ended_event, trial.index)


def _latest(trial: Trial) -> int:
    events = [trial.proposed_event, trial.ended_event, *(point.event for point in trial.curve)]
    return max((event for event in events if event is not None), default=-1)


def _as_of(trial: Trial, event: int) -> Trial:
    """The trial as it was before that event."""
    curve = tuple(point for point in trial.curve if point.event < event)
    if (-1 if trial.ended_event is None else trial.ended_event) < event and trial.status is not TrialStatus.RUNNING:
        return trial
    return replace(trial, status=TrialStatus.RUNNING, metrics={}, reason=None, curve=curve, ended_event=None)
