"""The ordered trials of a run: all that a strategy may know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces import Architecture

if TYPE_CHECKING:
    import pandas as pd


class TrialStatus(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class Trial:
    """One architecture with its status and its measured metrics.

    provenance: how it came to be proposed (step, acquisition value, ...), JSON values only.
    reason: why it failed or was abandoned.
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


class History:
    """The trials in the order of their index; a value that does not change."""

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self.trials: tuple[Trial, ...] = tuple(sorted(trials, key=lambda trial: trial.index))

    def __len__(self) -> int:
        return len(self.trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def updated(self, *trials: Trial) -> History:
        """A history in which these trials replace those of the same index, or are added."""
        merged = {trial.index: trial for trial in self.trials} | {trial.index: trial for trial in trials}
        return History(merged.values())

    @cached_property
    def completed(self) -> tuple[Trial, ...]:
        """The trials with metrics."""
        return tuple(trial for trial in self.trials if trial.status is TrialStatus.COMPLETED)

    @cached_property
    def pending(self) -> tuple[Trial, ...]:
        """The trials that still run."""
        return tuple(trial for trial in self.trials if trial.status is TrialStatus.RUNNING)

    @cached_property
    def seen(self) -> frozenset[Architecture]:
        """Every architecture that has a trial, whatever became of it."""
        return frozenset(trial.architecture for trial in self.trials)

    def values(self, metric: str) -> np.ndarray:
        """The metric of the completed trials: (n,) float64."""
        return np.array([trial.metrics[metric] for trial in self.completed], dtype=np.float64)

    def frame(self) -> pd.DataFrame:
        """One row per trial: trial, status, architecture, one column per metric, reason, provenance, times."""
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
            }
            for trial in self.trials
        ]
        columns = ["trial", "status", "architecture", *metrics]
        columns += ["reason", "origin", "acquisition", "proposal_seconds", "evaluation_seconds"]
        return pd.DataFrame(rows, columns=columns)
