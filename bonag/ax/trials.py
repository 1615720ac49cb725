"""The trials of an Ax experiment, as bonag's."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from ax.core.arm import Arm
from ax.core.base_trial import BaseTrial
from ax.core.batch_trial import BatchTrial
from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.trial_status import TrialStatus as AxStatus

from bonag.ax.flat import architecture_of
from loops.history import Trial, TrialStatus
from search_spaces import SearchSpace

# A trial that was stopped early was measured on another scale than one that ended.
_STATUS = {
    AxStatus.COMPLETED: TrialStatus.COMPLETED,
    AxStatus.FAILED: TrialStatus.FAILED,
    AxStatus.ABANDONED: TrialStatus.ABANDONED,
    AxStatus.EARLY_STOPPED: TrialStatus.ABANDONED,
    AxStatus.STALE: TrialStatus.ABANDONED,
}


def trials_of(
    space: SearchSpace, experiment: Experiment, data: Data, required: Collection[str]
) -> dict[tuple[int, str], Trial]:
    """One trial per arm, by Ax trial and arm's name, in the order of the Ax trials and numbered from 0.

    data: the measurements; of a metric with steps, the last one counts. required: metrics without which a trial that
    Ax calls completed has failed, as it has with a value that is not finite. Ax trials that were not started count as
    running, so that they are not proposed again. Raises UserError for parameters that are none of the space.
    """
    measured = _means(data)
    arms = [(theirs, arm) for _, theirs in sorted(experiment.trials.items()) for arm in theirs.arms]
    keys = [(theirs.index, arm.name) for theirs, arm in arms]
    return {
        key: _trial(space, index, theirs, arm, measured.get(key, {}), required)
        for index, (key, (theirs, arm)) in enumerate(zip(keys, arms, strict=True))
    }


def completed_rows(trials: Mapping[tuple[int, str], Trial], data: Data) -> Data:
    """Those of the measurements that belong to a completed trial."""
    kept = {key for key, trial in trials.items() if trial.status is TrialStatus.COMPLETED}
    table = data.df
    return Data(df=table[[key in kept for key in zip(table.trial_index, table.arm_name, strict=True)]])


def _trial(
    space: SearchSpace,
    index: int,
    theirs: BaseTrial,
    arm: Arm,
    metrics: Mapping[str, float],
    required: Collection[str],
) -> Trial:
    status, reason = _STATUS.get(theirs.status, TrialStatus.RUNNING), theirs.status_reason
    if isinstance(theirs, BatchTrial) and any(other.name == arm.name for other in theirs.abandoned_arms):
        status = TrialStatus.ABANDONED
    if status is TrialStatus.COMPLETED:
        wrong = [f"metric '{name}' is missing" for name in required if name not in metrics]
        wrong += [f"metric '{name}' is {value}" for name, value in metrics.items() if not math.isfinite(value)]
        if wrong:
            status, reason = TrialStatus.FAILED, wrong[0]
    return Trial(
        index,
        architecture_of(space, arm.parameters, f"arm '{arm.name}' of trial {theirs.index}"),
        status,
        metrics if status is TrialStatus.COMPLETED else {},
        reason,
        _provenance(theirs, arm),
    )


def _provenance(trial: BaseTrial, arm: Arm) -> dict[str, Any]:
    """What the node noted of the arm; nothing of arms that came from elsewhere."""
    for run in trial.generator_runs:
        noted = (run.candidate_metadata_by_arm_signature or {}).get(arm.signature)
        if noted is not None:
            return dict(noted)
    return {}


def _means(data: Data) -> dict[tuple[int, str], dict[str, float]]:
    """The mean of each metric by trial and arm."""
    table = data.df
    found: dict[tuple[int, str], dict[str, float]] = {}
    columns = (table.trial_index, table.arm_name, table.metric_name, table["mean"])
    for trial, arm, metric, mean in zip(*columns, strict=True):
        found.setdefault((int(trial), arm), {})[metric] = float(mean)
    return found
