"""Any Ax experiment as bonag shows it: its trials, its objective, and the space if it is one of bonag's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ax.core.arm import Arm
from ax.core.base_trial import BaseTrial
from ax.core.experiment import Experiment

from bonag.ax.aims import aim_of
from bonag.ax.flat import architecture_of, check_parameters
from bonag.ax.trials import Key, measurements, trials_of
from bonag.ax.untrusted import arithmetic_only
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import Architecture, SearchSpace, get_space, space_names
from search_spaces.errors import UserError

# The name of an arm, and its parameters in the order of the search space.
StandIn = Callable[[str, tuple[tuple[str, Any], ...]], Architecture]


@dataclass(frozen=True)
class Reading:
    """What there is to know of an experiment. notes: on its objective, in sentences."""

    history: History
    objective: Objective
    space: SearchSpace | None
    notes: tuple[str, ...]


def read_experiment(experiment: Experiment, stand_in: StandIn) -> Reading:
    """The experiment's trials, one per arm, and its objective; of one of bonag's spaces they are its architectures.

    stand_in: what there is in place of architectures otherwise.
    """
    data = experiment.lookup_data()
    measured = measurements(data)
    with arithmetic_only():
        aim = aim_of(experiment, _status_quo(experiment, measured))
    space = _space_of(experiment)
    order = list(experiment.search_space.parameters)

    def stand_for(arm: Arm) -> Architecture:
        known = [name for name in order if name in arm.parameters]
        names = known + sorted(arm.parameters.keys() - set(known))
        return stand_in(arm.name, tuple((name, arm.parameters[name]) for name in names))

    trials = trials_of(space, experiment, data, aim.objective.metrics, aim.with_sums, stand_for)
    history = History(
        _with_details(trial, experiment.trials[number], arm, aim.with_sums(measured.get((number, arm), {})))
        for (number, arm), trial in trials.items()
    )
    notes = [*([experiment.description] if experiment.description else []), *aim.notes]
    return Reading(history, aim.objective, space, tuple(notes))


def _with_details(trial: Trial, theirs: BaseTrial, arm: str, measured: dict[str, float]) -> Trial:
    """The trial with whatever is known of it, which a search does not look at."""
    finite = {name: value for name, value in measured.items() if math.isfinite(value)}
    return replace(
        trial,
        metrics=trial.metrics if trial.status is TrialStatus.COMPLETED else finite,
        provenance=_provenance(theirs, arm),
        proposed_at=_seconds(theirs.time_created),
        ended_at=_seconds(theirs.time_completed),
        proposal_seconds=_proposal_seconds(theirs),
        evaluation_seconds=_between(theirs.time_run_started, theirs.time_completed),
    )


def _space_of(experiment: Experiment) -> SearchSpace | None:
    """The installed space whose parameters the experiment has, if all of its arms are architectures of it."""
    # What the experiment says of itself is a text that anybody may write; its parameters are what is searched.
    for name in space_names():
        try:
            space = get_space(name)
            check_parameters(space, experiment.search_space)
            for arm in experiment.arms_by_name.values():
                architecture_of(space, arm.parameters, arm.name)
        except (UserError, KeyError):
            continue
        return space
    return None


def _status_quo(experiment: Experiment, measured: dict[Key, dict[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for (_, arm), metrics in sorted(measured.items()):
        if experiment.status_quo is not None and arm == experiment.status_quo.name:
            found |= metrics
    return found


def _provenance(theirs: BaseTrial, arm: str) -> dict[str, Any]:
    """origin: the node or the generator that proposed the arm; Ax's number of the trial, its status, the arm's name."""
    found: dict[str, Any] = {"ax_trial": theirs.index, "ax_status": theirs.status.name.lower(), "arm": arm}
    signature = theirs.arms_by_name[arm].signature
    for run in theirs.generator_runs:
        if any(other.signature == signature for other in run.arms):
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
