"""bonag's own runs as the pages see them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from bonag.evaluators.registry import units_of_run
from bonag.record.note_rows import NO_NOTE
from bonag.record.reading import Known, RunSnapshot
from bonag.record.watching import Overview
from bonag.ui.source import Source, Summary, View
from loops.ending import RunState
from loops.gain import gain_of
from loops.history import History, TrialStatus
from loops.objective import Objective

if TYPE_CHECKING:
    from bonag.ax.reading import Experiment


class RunSource(Source):
    """A source of bonag's own runs."""

    def experiment(self, key: str) -> Experiment:
        """The run as Ax has it, with the same metrics as ``Result.experiment``; raises as ``view``."""
        from bonag.ax.view import experiment

        view = self.view(key)
        assert view.space is not None
        measured = {name for trial in view.history.completed for name in trial.metrics}
        return experiment(view.space, view.history, view.objective, sorted(measured.union(view.objective.metrics)))


def summary_of(key: str, overview: Overview) -> Summary:
    """A run from what the database knows of it."""
    config, objective = overview.config, overview.config.parsed_objective()
    units = units_of_run(config, overview.units, objective.metrics)
    return Summary(
        key,
        config.name,
        "bonag",
        str(overview.state),
        space=config.space,
        task=config.task,
        strategy=config.strategy,
        objective=str(objective),
        gain=overview.gain,
        trials=overview.count,
        known=overview.known,
        found=overview.gain.words(objective, units),
        budget=config.budget,
        seed=config.seed,
        started=overview.created_at,
        ended=None if overview.state is RunState.RUNNING else overview.ended_at,
        note=overview.note,
    )


def unreadable_summary(key: str, name: str, problem: str) -> Summary:
    """A run that cannot be read."""
    return Summary(key, name, "bonag", "unreadable", problem=problem)


def view_of(key: str, snapshot: RunSnapshot, where: str) -> View:
    """A run with its trials; one that lacks a metric of the objective is shown as failed, as it cannot be judged."""
    config, objective = snapshot.config, snapshot.config.parsed_objective()
    history = _judge(snapshot.history, objective)
    ended = max((trial.ended_at for trial in history if trial.ended_at is not None), default=None)
    counts, gain = Counter(str(trial.status) for trial in history), gain_of(history, objective)
    known = len(history) - history.queries
    note = snapshot.notes.get(None, NO_NOTE)
    row = (
        config,
        snapshot.state,
        snapshot.reason,
        counts,
        gain,
        snapshot.created_at,
        ended,
        known,
        snapshot.units,
        note,
    )
    return View(
        summary_of(key, Overview(*row)),
        history,
        objective,
        snapshot.space,
        config,
        snapshot.description,
        snapshot.reason,
        where,
        snapshot.sources,
        units_of_run(config, snapshot.units, history.metrics),
        snapshot.notes,
        snapshot.stop_asked,
    )


def known_of(view: View | None) -> Known | None:
    """What need not be read again."""
    return None if view is None or view.summary.started is None else Known(view.summary.started, view.history)


def _judge(history: History, objective: Objective) -> History:
    # A search records no such trial, but a program that writes the record by itself may.
    lacking = [
        replace(trial, status=TrialStatus.FAILED, reason=f"completed without metric '{missing[0]}'")
        for trial in history.completed
        if (missing := [name for name in objective.metrics if name not in trial.metrics])
    ]
    return history.updated(*lacking) if lacking else history
