"""What a history holds, as arrays; nothing here assumes that every trial has every metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loops.history import History, Trial, TrialStatus
from loops.objective import Objective


def column(trials: Sequence[Trial], metric: str) -> np.ndarray:
    """The metric of each trial: (n,) float64, nan where it has none or no finite one."""
    values = np.array([trial.metrics.get(metric, np.nan) for trial in trials], dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def values(trials: Sequence[Trial], objective: Objective) -> np.ndarray:
    """The m goals, each so that larger is better: (n, m) float64 with nan."""
    return objective.signed({goal.metric: column(trials, goal.metric) for goal in objective.goals})


def feasible(trials: Sequence[Trial], objective: Objective) -> np.ndarray:
    """Whether each trial is known to meet all constraints: (n,) bool."""
    return objective.meets({metric: column(trials, metric) for metric in objective.metrics})


def indices(trials: Sequence[Trial]) -> np.ndarray:
    """The trials' indices: (n,) int."""
    return np.array([trial.index for trial in trials], dtype=np.int64)


def without_value(history: History, metrics: Sequence[str]) -> dict[str, list[Trial]]:
    """The trials that cannot be drawn by these metrics, by why: stopped early, failed, abandoned, running, no value."""
    groups: dict[str, list[Trial]] = {}
    for trial in history:
        if trial.status is not TrialStatus.COMPLETED:
            groups.setdefault(str(trial.status), []).append(trial)
        elif not np.isfinite([trial.metrics.get(metric, np.nan) for metric in metrics]).all():
            groups.setdefault("no value", []).append(trial)
    return groups


def why_empty(history: History) -> str:
    """Why there is no value to draw, in a few words."""
    if not len(history):
        return "no trials yet"
    if history.completed:
        return "no completed trial has a value"
    if history.pending:
        return "no trial has completed yet"
    return "all trials failed" if all(trial.status is TrialStatus.FAILED for trial in history) else "no trial completed"
