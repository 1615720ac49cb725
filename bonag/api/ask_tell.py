"""Ask and tell, for those who evaluate architectures themselves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Unpack

import numpy as np

import bonag
from bonag.api.found import Findings, Found
from bonag.api.options import AskTellOptions, check_options, takes_options
from bonag.api.parts import (
    ASK_AND_TELL,
    choose_parts,
    default_threads,
    make_run_strategy,
    measured_metrics,
    part_names,
)
from bonag.api.sources import read_run_sources, without_secrets
from bonag.evaluators.counting_evaluator import counts
from bonag.names import SpaceName
from bonag.record import RunRecord, create_record, open_record
from bonag.strategies.making import computing_device
from loops.config import RunConfig
from loops.history import KNOWN, History, Trial, TrialStatus
from loops.loop import propose
from loops.outcome import check_metrics, end_trial
from loops.protocols import Outcome
from loops.source import Source
from search_spaces import Architecture, InvalidArchitectureError, SearchSpace, get_space
from search_spaces.architecture import COUNTED
from search_spaces.errors import UserError

OPTIONS: tuple[str, ...] = ("space", "objective", "constraints", "strategy", "acquisition", "predictor", "generator")
OPTIONS += ("seed", "device", "threads", "transfer", "data")


@takes_options(*OPTIONS)
class AskTell:
    """Proposes architectures and is told what became of them.

    For the same space, objective, strategy, seed and history it proposes what a run does, so asking for one and telling
    its outcome, over and over, gives the trials of ``bonag run``.

    space: a name, or a SearchSpace; one ``at`` a NetworkSize says which networks are evaluated, whose params and macs
        are then counted.
    path: folder that records all of it, so that it survives anything; where the folder exists already, its run is gone
        on with, and the other arguments must be those that it was made with. Without a path nothing is recorded.
    {options}

    Raises UserError.
    """

    def __init__(
        self,
        space: SpaceName | str | SearchSpace = "mbv3",
        *,
        path: str | Path | None = None,
        **options: Unpack[AskTellOptions],
    ) -> None:
        folder = None if path is None else Path(path)
        given = {name: one for name, one in check_options(options, *OPTIONS).items() if one is not None}
        given |= {"space": space} | ({"data": str(given["data"])} if "data" in given else {})
        self.space = get_space(space)
        defaults = {"threads": default_threads(), "objective": self.space.goal}
        config = RunConfig(
            name="ask-and-tell" if folder is None else folder.name,
            evaluator=ASK_AND_TELL,
            budget=None,
            bonag=bonag.__version__,
            **{**defaults, **given, **part_names(given)},  # type: ignore[arg-type]
        )
        objects = {role: given[role] for role in part_names(given)}
        self.objective = config.parsed_objective()
        self._record: RunRecord | None = None
        self._history = History()
        sources: tuple[Source, ...] = ()
        if folder is not None and folder.exists():
            self._record = open_record(folder, self.space)
            self._history = self._record.history()
            config, sources = self._agree(config, given), self._record.sources
            self.space = self.space.at(self._record.size or self.space.network_size)
        else:
            config = replace(config, device=computing_device(objects.get("strategy", config.strategy), config.device))
            sources = read_run_sources(config, self.space, given.get("transfer"))
            config = replace(config, transfer=tuple(map(without_secrets, config.transfer)))
        try:
            chosen = choose_parts(config, objects)
            self._strategy = make_run_strategy(config, self.space, self.objective, chosen, sources)
            if folder is not None and self._record is None:
                told, size = "Values told from outside; bonag knows no more.", self.space.network_size
                self._record = create_record(folder.parent, config, told, size=size, sources=sources)
        except BaseException:
            self.close()
            raise
        self.config = config

    def ask(self, n: int = 1) -> list[tuple[int, Architecture]]:
        """n new trials as (index, architecture); fewer only if the space has no more."""
        trials = propose(self._strategy, self._history, n, self.config.seed)
        if trials and self._record is not None:
            self._record.add(trials)
        self._history = self._history.updated(*trials)
        return [(trial.index, trial.architecture) for trial in trials]

    def tell(
        self,
        trial: int | str | Architecture,
        metrics: Mapping[str, float] | float | None = None,
        failed: str | None = None,
    ) -> int:
        """What became of a trial: its metrics by name (or the value alone of the only one), or why it failed.

        trial: its index, or its architecture, also as a string. An architecture that nobody asked for becomes a trial
        that was known beforehand: a label, and no query.

        Params and MACs are counted where the objective asks for them and they are not told. Metrics without the
        objective's, and values that are not finite numbers, make it a failed trial, as in a run. Gives the index.
        Raises UserError for a trial that was never asked for, or that was told before; and for an architecture that
        nobody asked for without sound metrics.
        """
        if (metrics is None) == (failed is None):
            raise UserError(f"tell of {_named(trial)} takes either metrics or the reason of its failure")
        known = isinstance(trial, int | np.integer)
        found = self._by_index(int(trial)) if known else self._by_architecture(str(trial))  # type: ignore[arg-type]
        values = None if metrics is None else self._by_name(found, metrics)
        if not found.is_query:
            return self._learn(found, values)
        ended = end_trial(
            found, Outcome(found.index, values, failed, 0.0), self.objective.metrics, self._history.events
        )
        ended = replace(ended, evaluation_seconds=None)
        if self._record is not None:
            self._record.finish(ended)
        self._history = self._history.updated(ended)
        return ended.index

    def _by_index(self, index: int) -> Trial:
        if not 0 <= index < len(self._history):
            raise UserError(f"there is no trial {index}: {len(self._history)} have been asked for, counted from 0")
        return self._unless_ended(self._history.trials[index])

    def _by_architecture(self, given: str) -> Trial:
        """The trial of an architecture, or a new one of it, which is not in the history yet."""
        try:
            architecture = self.space.parse(given)
        except InvalidArchitectureError as error:
            raise UserError(f"{_named(given)} is no architecture of space '{self.space.name}': {error}") from None
        for trial in self._history:
            if trial.architecture == architecture:
                return self._unless_ended(trial)
        noted = {"origin": KNOWN, "by": "told"}
        return Trial(len(self._history), architecture, TrialStatus.RUNNING, provenance=noted)

    def _unless_ended(self, trial: Trial) -> Trial:
        if trial.status is not TrialStatus.RUNNING:
            raise UserError(f"trial {trial.index} has been told before: it is {trial.status}")
        return trial

    def _by_name(self, trial: Trial, metrics: Mapping[str, float] | float) -> dict[str, float]:
        """The metrics by name, with the exact counts that the objective asks for."""
        if not isinstance(metrics, Mapping):
            names = measured_metrics(self.objective)
            if len(names) > 1:
                raise UserError(f"trial {trial.index} must be told by name: {', '.join(names)}")
            metrics = {names[0]: metrics}
        exact = [name for name in self.objective.metrics if name in COUNTED and name not in metrics]
        return counts(self.space, trial.architecture, exact) | dict(metrics)

    def _learn(self, trial: Trial, metrics: Mapping[str, float] | None) -> int:
        """Take a trial that nobody asked for."""
        try:
            sound = check_metrics({} if metrics is None else metrics, self.objective.metrics)
        except ValueError as error:
            raise UserError(f"{_named(trial.architecture)}, which nobody asked for, needs metrics: {error}") from None
        now, event = time.time(), self._history.events
        ended = replace(trial, status=TrialStatus.COMPLETED, metrics=sound, proposed_at=now, ended_at=now)
        ended = replace(ended, proposed_event=event, ended_event=event + 1)
        if self._record is not None:
            self._record.add([ended])
        self._history = self._history.updated(ended)
        return ended.index

    @property
    def pending(self) -> list[tuple[int, Architecture]]:
        """The trials that were asked for and not yet told, after a crash too."""
        return [(trial.index, trial.architecture) for trial in self._history.pending]

    @property
    def history(self) -> History:
        """All trials."""
        return self._history

    @property
    def best(self) -> Found | None:
        """The best completed trial, as in ``Result.best``, or None while there is none."""
        return Findings(self._history, self.objective, self.space).best

    @property
    def front(self) -> list[Found]:
        """As in ``Result.front``."""
        return Findings(self._history, self.objective, self.space).front

    def close(self) -> None:
        """Let others write the record, if there is one."""
        if self._record is not None:
            self._record.close()

    def __enter__(self) -> AskTell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _agree(self, config: RunConfig, given: Mapping[str, object]) -> RunConfig:
        """The configuration in the record; raises UserError where another one was asked for."""
        assert self._record is not None
        found = self._record.config
        # What was left open is as it was then.
        same: dict[str, object] = {"bonag": found.bonag, "name": found.name}
        same |= {"device": found.device} if config.device == "auto" else {}
        same |= {} if "threads" in given else {"threads": found.threads}
        difference = replace(config, **same).difference(found)  # type: ignore[arg-type]
        mine, size = self.space.network_size, self._record.size
        if difference is None and not isinstance(given["space"], str) and mine != size:
            difference = f"networks have {size} in one and {mine} in the other"
        if difference is not None:
            path = self._record.path
            self._record.close()
            raise UserError(f"{path} was made with other arguments: {difference}")
        return found


def _named(trial: int | str | Architecture) -> str:
    return f"trial {trial}" if isinstance(trial, int) else f"architecture '{trial}'"
