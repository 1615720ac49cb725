"""The trials of an Ax experiment, as bonag's."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from ax.core.arm import Arm
from ax.core.base_trial import BaseTrial
from ax.core.batch_trial import BatchTrial
from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.trial_status import TrialStatus as AxStatus

from bonag.ax.flat import architecture_of
from loops.history import Point, Trial, TrialStatus
from search_spaces import Architecture, SearchSpace

_STATUS = {
    AxStatus.COMPLETED: TrialStatus.COMPLETED,
    AxStatus.FAILED: TrialStatus.FAILED,
    AxStatus.ABANDONED: TrialStatus.ABANDONED,
    AxStatus.EARLY_STOPPED: TrialStatus.STOPPED,
    AxStatus.STALE: TrialStatus.ABANDONED,
}
# By status, what a trial is that has it without all metrics that count.
_WITHOUT = {TrialStatus.COMPLETED: TrialStatus.FAILED, TrialStatus.STOPPED: TrialStatus.ABANDONED}
_REASONS = {
    AxStatus.EARLY_STOPPED: "stopped early",
    AxStatus.STALE: "not started in time (stale)",
    AxStatus.CANDIDATE: "proposed, not started",
    AxStatus.STAGED: "staged, not started",
}

# Ax's number of a trial, and an arm's name.
Key = tuple[int, str]


def trials_of(
    space: SearchSpace | None,
    experiment: Experiment,
    data: Data,
    required: Collection[str],
    derive: Callable[[dict[str, float]], dict[str, float]] = lambda metrics: metrics,
    stand_in: Callable[[Arm], Architecture] | None = None,
) -> dict[Key, Trial]:
    """One trial per arm, in the order of the Ax trials, under Ax's numbers where they number the arms too, else from 0.

    space: None where ``stand_in`` makes what stands for an architecture. data: the measurements; of a metric with
    steps, the last one counts, and all are the trial's curve. required: metrics without which a trial that Ax calls
    completed has failed, as it has with a value that is not finite; and one that it calls stopped early is abandoned.
    derive: makes all metrics of what was measured. Ax trials that were not started count as running, so that they are
    not proposed again. Raises UserError for parameters that are none of the space.
    """
    measured, reported = measurements(data), curves(data)
    arms = [(theirs, arm) for _, theirs in sorted(experiment.trials.items()) for arm in theirs.arms]
    indices = [theirs.index for theirs, _ in arms]
    if len(set(indices)) < len(indices):
        indices = list(range(len(arms)))
    found: dict[Key, Trial] = {}
    for index, (theirs, arm) in zip(indices, arms, strict=True):
        if space is None:
            assert stand_in is not None
            architecture = stand_in(arm)
        else:
            architecture = architecture_of(space, arm.parameters, f"arm '{arm.name}' of trial {theirs.index}")
        status, reason = _status(theirs, arm)
        over = status in _WITHOUT
        metrics = derive(measured.get((theirs.index, arm.name), {})) if over else {}
        if over and (wrong := _wrong(metrics, required)):
            # Stopped before it had measured what counts, a trial tells nothing.
            reason = wrong if status is TrialStatus.COMPLETED else reason
            status, metrics = _WITHOUT[status], {}
        notes, curve = _notes_on(theirs, arm), reported.get((theirs.index, arm.name), ())
        found[theirs.index, arm.name] = Trial(index, architecture, status, metrics, reason, notes, curve=curve)
    return found


def measurements(data: Data) -> dict[Key, dict[str, float]]:
    """The mean of each metric by trial and arm; of one with steps, the last."""
    table = data.df
    if "step" in table.columns:
        table = table.sort_values("step", kind="stable", na_position="first")
    found: dict[Key, dict[str, float]] = {}
    columns = (table.trial_index, table.arm_name, table.metric_name, table["mean"])
    for trial, arm, metric, mean in zip(*columns, strict=True):
        found.setdefault((int(trial), str(arm)), {})[str(metric)] = float(mean)
    return found


def curves(data: Data) -> dict[Key, tuple[Point, ...]]:
    """By trial and arm, what was measured with steps, by rising step; when that was is not known."""
    # Of a metric with steps, ``df`` has the last one alone.
    table = data.full_df
    if "step" not in table.columns:
        return {}
    table = table[np.isfinite(table["step"]) & np.isfinite(table["mean"])]
    found: dict[Key, dict[int, dict[str, float]]] = {}
    columns = (table.trial_index, table.arm_name, table["step"], table.metric_name, table["mean"])
    for trial, arm, step, metric, mean in zip(*columns, strict=True):
        found.setdefault((int(trial), str(arm)), {}).setdefault(int(step), {})[str(metric)] = float(mean)
    return {key: tuple(Point(step, own[step], -1) for step in sorted(own)) for key, own in found.items()}


def completed_rows(trials: Mapping[Key, Trial], data: Data) -> Data:
    """Those of the measurements that belong to a completed trial."""
    kept = {key for key, trial in trials.items() if trial.status is TrialStatus.COMPLETED}
    table = data.df
    return Data(df=table[[key in kept for key in zip(table.trial_index, table.arm_name, strict=True)]])


def _status(theirs: BaseTrial, arm: Arm) -> tuple[TrialStatus, str | None]:
    abandoned = {other.name: other.reason for other in getattr(theirs, "abandoned_arms_metadata", ())}
    if isinstance(theirs, BatchTrial) and arm.name in abandoned:
        return TrialStatus.ABANDONED, abandoned[arm.name] or "the arm was abandoned"
    return _STATUS.get(theirs.status, TrialStatus.RUNNING), theirs.status_reason or _REASONS.get(theirs.status)


def _wrong(metrics: Mapping[str, float], required: Collection[str]) -> str | None:
    """Why a trial that Ax calls completed has failed."""
    missing = [f"metric '{name}' is missing" for name in required if name not in metrics]
    odd = [f"metric '{name}' is {value}" for name, value in metrics.items() if not math.isfinite(value)]
    return next(iter([*missing, *odd]), None)


def _notes_on(trial: BaseTrial, arm: Arm) -> dict[str, Any]:
    """What the node noted of the arm; nothing of arms that came from elsewhere."""
    for run in trial.generator_runs:
        noted = (run.candidate_metadata_by_arm_signature or {}).get(arm.signature)
        if noted is not None:
            return dict(noted)
    return {}
