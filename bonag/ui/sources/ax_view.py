"""Any Ax experiment as the pages show it. Imports Ax where it is used: for the background process."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from bonag.ui.sources.ax_arm import AxArm
from bonag.ui.sources.ax_goals import Aim, aim_of
from bonag.ui.sources.ax_space import space_of
from bonag.ui.sources.ax_untrusted import arithmetic_only
from bonag.ui.view import Summary, View
from loops.history import History, Trial, TrialStatus
from loops.objective import Goal, Objective
from search_spaces import Architecture, SearchSpace

if TYPE_CHECKING:
    from ax.core.arm import Arm
    from ax.core.base_trial import BaseTrial
    from ax.core.experiment import Experiment

_STATUS = {
    "COMPLETED": TrialStatus.COMPLETED,
    "FAILED": TrialStatus.FAILED,
    "ABANDONED": TrialStatus.ABANDONED,
    # Measured on another scale than a trial that ended, so it is no completed one.
    "EARLY_STOPPED": TrialStatus.ABANDONED,
    "STALE": TrialStatus.ABANDONED,
}
_REASONS = {
    "EARLY_STOPPED": "stopped early",
    "STALE": "not started in time (stale)",
    "CANDIDATE": "proposed, not started",
    "STAGED": "staged, not started",
}
READING = "Ax is reading this experiment in the background; it appears here in a moment."


def view_of(experiment: Experiment, key: str, name: str, where: str, live: bool) -> View:
    """The experiment's trials, one per arm, and its objective; of one of bonag's spaces they are its architectures.

    live: whether a running trial can go on, as in a database, and not in a file that was written once.
    """
    with arithmetic_only():
        measured = _measured(experiment)
        aim = aim_of(experiment, _status_quo(experiment, measured))
    space = space_of(experiment)
    history = _history(experiment, aim, measured, space)
    notes = [*([experiment.description] if experiment.description else []), *aim.notes]
    state = "finished"
    if history.pending:
        state = "running" if live else "snapshot"
    return View(
        summary=replace(_summary(key, name, state, history, aim.objective), space=space.name if space else None),
        history=history,
        objective=aim.objective,
        space=space,
        config=None,
        description=" ".join(["An Ax experiment, of which there is no record of bonag's.", *notes]),
        reason=None,
        where=where,
    )


def unread(key: str, name: str, where: str, problem: str | None = None) -> View:
    """What stands for an experiment until it is read, or because it cannot be."""
    objective = Objective((Goal("objective"),))
    return View(
        summary=Summary(
            key, name, "ax", "unreadable" if problem else "reading", None, None, None, "",
            None, 0, None, None, None, None, problem,
        ),
        history=History(),
        objective=objective,
        space=None,
        config=None,
        description=problem or READING,
        reason=problem,
        where=where,
    )  # fmt: skip


def _summary(key: str, name: str, state: str, history: History, objective: Objective) -> Summary:
    feasible = [trial for trial in history.completed if objective.admits(trial)]
    goal = objective.goals[0]
    best = max((trial.metrics[goal.metric] for trial in feasible), key=lambda value: goal.sign * value, default=None)
    starts = [trial.proposed_at for trial in history if trial.proposed_at is not None]
    ends = [trial.ended_at for trial in history if trial.ended_at is not None]
    origins = dict.fromkeys(str(trial.provenance["origin"]) for trial in history if "origin" in trial.provenance)
    return Summary(
        key=key,
        name=name,
        kind="ax",
        state=state,
        space=None,
        task=None,
        strategy=", ".join(origins) or None,
        objective=str(objective),
        best=best,
        trials=len(history),
        budget=None,
        seed=None,
        started=min(starts, default=None),
        ended=None if history.pending else max(ends, default=None),
        problem=None,
    )


def _measured(experiment: Experiment) -> dict[tuple[int, str], dict[str, float]]:
    """The mean of each metric by Ax trial and arm; of one with steps, the last."""
    table = experiment.lookup_data().df
    if "step" in table.columns:
        table = table.sort_values("step", kind="stable", na_position="first")
    found: dict[tuple[int, str], dict[str, float]] = {}
    columns = (table.trial_index, table.arm_name, table.metric_name, table["mean"])
    for trial, arm, metric, mean in zip(*columns, strict=True):
        found.setdefault((int(trial), str(arm)), {})[str(metric)] = float(mean)
    return found


def _status_quo(experiment: Experiment, measured: Mapping[tuple[int, str], dict[str, float]]) -> dict[str, float]:
    if experiment.status_quo is None:
        return {}
    found: dict[str, float] = {}
    for (_, arm), metrics in sorted(measured.items()):
        if arm == experiment.status_quo.name:
            found |= metrics
    return found


def _history(
    experiment: Experiment, aim: Aim, measured: Mapping[tuple[int, str], dict[str, float]], space: SearchSpace | None
) -> History:
    arms = [(theirs, arm) for _, theirs in sorted(experiment.trials.items()) for arm in theirs.arms]
    # Ax's own numbers, where they number the arms too.
    indices = [theirs.index for theirs, _ in arms]
    if len(set(indices)) < len(indices):
        indices = list(range(len(arms)))
    order = list(experiment.search_space.parameters)
    architectures = {arm.name: _architecture(arm, order, space) for _, arm in arms}
    return History(
        _trial(index, theirs, arm, architectures[arm.name], aim, measured.get((theirs.index, arm.name), {}))
        for index, (theirs, arm) in zip(indices, arms, strict=True)
    )


def _architecture(arm: Arm, order: list[str], space: SearchSpace | None) -> Architecture:
    if space is not None:
        return space.from_parameters(arm.parameters)  # type: ignore[arg-type]
    known = [name for name in order if name in arm.parameters]
    names = known + sorted(arm.parameters.keys() - set(known))
    # Whatever handles trials of any space handles these, as hashable values that have a text.
    return cast(Architecture, AxArm(arm.name, tuple((name, arm.parameters[name]) for name in names)))


def _trial(
    index: int, theirs: BaseTrial, arm: Arm, architecture: Architecture, aim: Aim, measured: Mapping[str, float]
) -> Trial:
    status = _STATUS.get(theirs.status.name, TrialStatus.RUNNING)
    reason = theirs.status_reason or _REASONS.get(theirs.status.name)
    abandoned = {other.name: other.reason for other in getattr(theirs, "abandoned_arms_metadata", ())}
    if arm.name in abandoned:
        status, reason = TrialStatus.ABANDONED, abandoned[arm.name] or "the arm was abandoned"
    metrics = aim.with_sums({name: value for name, value in measured.items() if math.isfinite(value)})
    if status is TrialStatus.COMPLETED:
        missing = [name for name in aim.objective.metrics if name not in metrics]
        if missing:
            status, reason = TrialStatus.FAILED, f"completed without metric '{missing[0]}'"
    return Trial(
        index=index,
        architecture=architecture,
        status=status,
        metrics=metrics,
        reason=reason,
        provenance=_provenance(theirs, arm),
        proposed_at=_seconds(theirs.time_created),
        ended_at=_seconds(theirs.time_completed),
        proposal_seconds=_proposal_seconds(theirs),
        evaluation_seconds=_between(theirs.time_run_started, theirs.time_completed),
    )


def _provenance(theirs: BaseTrial, arm: Arm) -> dict[str, Any]:
    """origin: the node or the generator that proposed the arm; Ax's number of the trial, its status, the arm's name."""
    found: dict[str, Any] = {"ax_trial": theirs.index, "ax_status": theirs.status.name.lower(), "arm": arm.name}
    for run in theirs.generator_runs:
        if any(other.signature == arm.signature for other in run.arms):
            found["origin"] = run._generation_node_name or run._generator_key or "attached"
            break
    return found


def _proposal_seconds(theirs: BaseTrial) -> float | None:
    times = [seconds for run in theirs.generator_runs for seconds in (run.fit_time, run.gen_time) if seconds]
    return float(sum(times)) if times else None


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else max((end - start).total_seconds(), 0.0)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
