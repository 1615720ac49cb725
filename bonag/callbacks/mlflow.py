"""Runs in MLflow."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bonag.callbacks.beginning import Beginning
from bonag.callbacks.best import BestSoFar
from bonag.callbacks.describing import choices_of, options_of
from loops.ending import RunState
from loops.history import Trial, TrialStatus
from loops.loop import Ended, Event, Over, Reported
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from mlflow import MlflowClient

# By which runs are found again, and where MLflow looks for the run that another one is a part of.
FOLDER, TRIAL, PARENT = "bonag.folder", "bonag.trial", "mlflow.parentRunId"
ENDS = {RunState.FINISHED: "FINISHED", RunState.STOPPED: "FAILED", RunState.INTERRUPTED: "KILLED"}
# The longest value of a parameter and of a tag that all of MLflow's stores take.
LONGEST = 500
# MLflow takes no other letters in names.
ODD = re.compile(r"[^\w\-. /]", re.ASCII)


class MLflow:
    """Tells MLflow of a run: ``bonag.search(..., callbacks=[MLflow("sqlite:///mlflow.db")])``.

    The search is an MLflow run with its options as parameters, and over the number of trials that have ended the
    metrics ``<name>`` of each trial and ``best/<name>`` of each goal. Each trial is a nested run: its choices are the
    parameters, its curve the metrics by step, its architecture a tag. A run that is resumed goes on in its MLflow run.

    tracking_uri: a database, a server, ...; by default what MLflow takes by itself, as from MLFLOW_TRACKING_URI.
    experiment: its name; made where there is none. Raises UserError without the package mlflow, or where it refuses.
    """

    def __init__(self, tracking_uri: str | None = None, experiment: str = "bonag") -> None:
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise UserError("MLflow needs the package mlflow-skinny: pip install 'bonag[mlflow]'") from None
        from mlflow.exceptions import MlflowException

        try:
            self.client: MlflowClient = MlflowClient(tracking_uri=tracking_uri)
            found = self.client.get_experiment_by_name(experiment)
            self.experiment: str = found.experiment_id if found else self.client.create_experiment(experiment)
        except (MlflowException, ImportError, OSError) as error:
            raise UserError(f"MLflow cannot keep experiments: {next(iter(str(error).splitlines()), error)}") from error
        self._trials: dict[int, str] = {}

    def begin(self, run: Beginning) -> None:
        """Make the MLflow run, or find that of a run that goes on."""
        self._run = run
        self._best = BestSoFar(run.config.parsed_objective(), run.history)
        self._trials = {}
        self._resumed = run.history.queries > 0
        tags = {FOLDER: str(run.path.resolve())}
        self.parent = self._find_or_make(tags, run.config.name)
        self._log(self.parent, parameters=options_of(run))

    def __call__(self, event: Event) -> None:
        """Tell what happened."""
        if isinstance(event, Reported):
            point = event.trial.curve[-1]
            self._log(self._trial(event.trial), point.metrics, point.step)
        elif isinstance(event, Ended):
            self._tell_end(event.trial)
        elif isinstance(event, Over):
            self.client.set_terminated(self.parent, ENDS[event.state])

    def _tell_end(self, trial: Trial) -> None:
        own = self._trial(trial)
        step = trial.curve[-1].step if trial.curve else 0
        self._log(own, trial.metrics, step, choices_of(self._run, trial))
        for name, value in (("bonag.status", str(trial.status)), ("bonag.reason", trial.reason)):
            if value:
                self.client.set_tag(own, name, value[:LONGEST])
        self.client.set_terminated(own, "FAILED" if trial.status is TrialStatus.FAILED else "FINISHED")
        self._best.take(trial)
        best = {f"best/{name}": value for name, value in self._best.values.items()}
        self._log(self.parent, {**trial.metrics, **best}, self._best.count)

    def _trial(self, trial: Trial) -> str:
        """The MLflow run of a trial."""
        if trial.index not in self._trials:
            tags = {PARENT: self.parent, TRIAL: str(trial.index)}
            described = {"bonag.architecture": str(trial.architecture)[:LONGEST]}
            self._trials[trial.index] = self._find_or_make(tags, f"trial {trial.index}", described)
        return self._trials[trial.index]

    def _find_or_make(self, tags: Mapping[str, str], name: str, described: Mapping[str, str] | None = None) -> str:
        if self._resumed:
            words = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items() if "'" not in value)
            found = self.client.search_runs([self.experiment], words, max_results=1)
            if found:
                identity: str = found[0].info.run_id
                self.client.update_run(identity, status="RUNNING")
                return identity
        made = self.client.create_run(self.experiment, tags={**tags, **(described or {})}, run_name=name)
        return str(made.info.run_id)

    def _log(
        self,
        run: str,
        metrics: Mapping[str, float] | None = None,
        step: int = 0,
        parameters: Mapping[str, object] | None = None,
    ) -> None:
        from mlflow.entities import Metric, Param

        now = int(1000 * time.time())
        points = [Metric(ODD.sub("_", name), value, now, step) for name, value in (metrics or {}).items()]
        known = self.client.get_run(run).data.params if parameters and self._resumed else {}
        # What a parameter is may not change; what a resumed run was given new shows in the record.
        named = {ODD.sub("_", name): str(value)[:LONGEST] for name, value in (parameters or {}).items()}
        new = [Param(name, value) for name, value in named.items() if name not in known]
        for first in range(0, max(len(points), len(new)), 100):
            self.client.log_batch(run, metrics=points[first : first + 100], params=new[first : first + 100])
