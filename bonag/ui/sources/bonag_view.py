"""bonag's own runs as the pages see them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bonag.record.reading import Known, RunSnapshot, space_of
from bonag.record.watching import Overview
from bonag.ui.view import Summary, View
from loops.history import History, TrialStatus
from loops.loop import RunState
from loops.objective import Objective

if TYPE_CHECKING:
    from ax import Client


def summary_of(key: str, overview: Overview) -> Summary:
    """A run from what the database knows of it."""
    config = overview.config
    return Summary(
        key=key,
        name=config.name,
        kind="bonag",
        state=str(overview.state),
        space=config.space,
        task=config.task,
        strategy=config.strategy,
        objective=str(config.parsed_objective()),
        best=overview.best,
        trials=sum(overview.trials.values()),
        budget=config.budget,
        seed=config.seed,
        started=overview.created_at,
        ended=None if overview.state is RunState.RUNNING else overview.ended_at,
        problem=None,
    )


def broken(key: str, name: str, problem: str) -> Summary:
    """A run that cannot be read."""
    return Summary(
        key=key,
        name=name,
        kind="bonag",
        state="unreadable",
        space=None,
        task=None,
        strategy=None,
        objective="",
        best=None,
        trials=0,
        budget=None,
        seed=None,
        started=None,
        ended=None,
        problem=problem,
    )


def view_of(key: str, snapshot: RunSnapshot, where: str) -> View:
    """A run with its trials; one that lacks a metric of the objective is shown as failed, as it cannot be judged."""
    objective = snapshot.config.parsed_objective()
    history = _judged(snapshot.history, objective)
    counts: dict[str, int] = {}
    for trial in history:
        counts[trial.status] = counts.get(trial.status, 0) + 1
    ended = [trial.ended_at for trial in history if trial.ended_at is not None]
    overview = Overview(
        snapshot.config,
        snapshot.state,
        snapshot.reason,
        counts,
        _best(history, objective),
        snapshot.created_at,
        max(ended, default=None),
    )
    return View(
        summary=summary_of(key, overview),
        history=history,
        objective=objective,
        space=space_of(snapshot.config),
        config=snapshot.config,
        description=snapshot.description,
        reason=snapshot.reason,
        where=where,
    )


def known_of(view: View) -> Known | None:
    """What need not be read again."""
    return None if view.summary.started is None else Known(view.summary.started, view.history)


def client_of(view: View) -> Client:
    """The run as Ax has it, with the same metrics as ``Result.experiment``."""
    from bonag.ax.view import client

    assert view.space is not None
    measured = {name for trial in view.history.completed for name in trial.metrics}
    return client(view.space, view.history, view.objective, sorted(measured.union(view.objective.metrics)))


def _judged(history: History, objective: Objective) -> History:
    # A search records no such trial, but a program that writes the record by itself may.
    lacking = [
        replace(trial, status=TrialStatus.FAILED, reason=f"completed without metric '{missing[0]}'")
        for trial in history.completed
        if (missing := [name for name in objective.metrics if name not in trial.metrics])
    ]
    return history.updated(*lacking) if lacking else history


def _best(history: History, objective: Objective) -> float | None:
    goal = objective.goals[0]
    values = [trial.metrics[goal.metric] for trial in history.completed if objective.admits(trial)]
    return max(values, key=lambda value: goal.sign * value, default=None)
