"""The Ax experiment of a run: a view of its history, made when it is asked for and never read back.

Ax's own stores are neither safe against a killed process nor fast, so they are not the record; see Ax's
``Client.load_from_json_file`` for what opens the files written here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from ax import Client
from ax.core.arm import Arm
from ax.core.data import Data, DataRow
from ax.core.experiment import Experiment
from ax.core.generator_run import GeneratorRun
from ax.core.trial import Trial as AxTrial

from bonag.ax.flat import parameters
from bonag.ax.objectives import configure_objective
from bonag.whole_file import whole_file
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import SearchSpace
from search_spaces.errors import UserError


def client(
    space: SearchSpace,
    history: History,
    objective: Objective,
    metrics: Iterable[str] = (),
    name: str = "bonag",
) -> Client:
    """An Ax client whose experiment holds every trial of the history, under the same index.

    The parameters are the space's flat ones; the objective is the run's, with thresholds taken from the history for
    goals that have no bound, if there are several; all other metrics, those of ``metrics`` and those that trials have,
    are tracking metrics. The architecture's string and its provenance are the metadata of the generator run. Metrics
    that are not finite are left out, as Ax cannot model them.
    Takes about half a millisecond per trial. Raises UserError if Ax cannot read the objective's name.
    """
    view = Client()
    view.configure_experiment(
        parameters=parameters(space),
        name=name,
        description=f"search space {space.name}, networks of {space.network_size}, objective {objective}",
    )
    configure_objective(view, objective, reference=history)
    known = {*metrics, *(metric for trial in history for metric in trial.metrics)} - {*objective.metrics}
    view.configure_tracking_metrics(sorted(known))
    attach(space, view._experiment, history)
    return view


def experiment(
    space: SearchSpace,
    history: History,
    objective: Objective,
    metrics: Iterable[str] = (),
    name: str = "bonag",
) -> Experiment:
    """The experiment of ``client``, for Ax code that works on experiments."""
    return client(space, history, objective, metrics, name)._experiment


def save_ax_json(view: Client, path: Path) -> None:
    """Write what ``Client.load_from_json_file`` opens; the file appears whole or not at all.

    Ax keeps ten decimals of each value. Raises UserError if the file cannot be written.
    """
    try:
        with whole_file(path) as temporary:
            view.save_to_json_file(str(temporary))
    except OSError as error:
        raise UserError(f"cannot write '{path}': {error.strerror or error}") from error


def attach(space: SearchSpace, target: Experiment, history: History) -> None:
    """Add all trials and their metrics to an experiment that has none."""
    rows: list[DataRow] = []
    pairs = [(trial, _trial(space, target, trial)) for trial in history]
    for ours, theirs in pairs:
        arm_name = theirs.arms[0].name
        for metric, value in ours.metrics.items():
            if math.isfinite(value):
                signature = target.metrics[metric].signature
                rows.append(DataRow(ours.index, arm_name, metric, signature, mean=float(value), se=0.0))
    # All at once, and before trials complete: Ax rebuilds its whole table each time that data are attached.
    if rows:
        target.attach_data(Data(data_rows=rows))
    for ours, theirs in pairs:
        if ours.status is TrialStatus.COMPLETED:
            theirs.mark_completed()
        elif ours.status is TrialStatus.STOPPED and any(map(math.isfinite, ours.metrics.values())):
            theirs.mark_early_stopped(reason=ours.reason)
        elif ours.status is TrialStatus.FAILED:
            theirs.mark_failed(reason=ours.reason)
        elif ours.status in (TrialStatus.ABANDONED, TrialStatus.STOPPED):
            # Ax knows no trial that was stopped early before it had measured anything.
            theirs.mark_abandoned(reason=ours.reason)
        if ours.proposed_at is not None:
            theirs._time_created = theirs._time_run_started = datetime.fromtimestamp(ours.proposed_at)
        if ours.ended_at is not None:
            theirs._time_completed = datetime.fromtimestamp(ours.ended_at)


def _trial(space: SearchSpace, target: Experiment, trial: Trial) -> AxTrial:
    """The trial in Ax, running."""
    origin = str(trial.provenance.get("origin", "bonag"))
    run = GeneratorRun(
        arms=[Arm(parameters=dict(space.to_parameters(trial.architecture)))],
        generator_key=origin,
        gen_metadata={**trial.provenance, "architecture": str(trial.architecture)},
    )
    run._generation_node_name = origin
    made = AxTrial(experiment=target, generator_run=run, index=trial.index)
    return made.mark_running(no_runner_required=True)
