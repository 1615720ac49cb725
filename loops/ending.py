"""When a run ends."""

from __future__ import annotations

from enum import StrEnum
from itertools import takewhile

from loops.config import RunConfig
from loops.dominance import non_dominated
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective


class RunState(StrEnum):
    """Where a run stands.

    finished: the budget is spent, or another of its ends is reached. stopped: too many failures in a row.
    interrupted: somebody or something ended it early; it waits to be resumed.
    """

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


def reason_to_end(config: RunConfig, history: History, seconds: float) -> str | None:
    """Why nothing more is proposed, or None while the run goes on; empty for the budget, which goes without saying.

    seconds: for how long the run has run.
    """
    if config.budget is not None and history.queries >= config.budget:
        return ""
    if config.hours is not None and seconds >= config.hours * 3600:
        return f"{config.hours:g} hours are over"
    if config.target is None and config.patience is None:
        return None
    objective = config.parsed_objective()
    if config.target is not None:
        metric, bound = config.parsed_target()
        sign = objective.signs[metric]
        reached = [t for t in history.completed if objective.admits(t) and sign * t.metrics[metric] >= sign * bound]
        if reached:
            return f"trial {reached[0].index} reached {metric} {reached[0].metrics[metric]:.6g}"
    if config.patience is not None and _since_better(objective, history) >= config.patience:
        return f"{config.patience} trials in a row were no better"
    return None


def failures_in_a_row(history: History, since: int = 0) -> list[Trial]:
    """The latest trials from index ``since`` on that ended, oldest first, if they failed and none ended well after."""
    ended = (trial for trial in reversed(history.ended) if trial.index >= since)
    return list(takewhile(lambda trial: trial.status is TrialStatus.FAILED, ended))[::-1]


def _since_better(objective: Objective, history: History) -> int:
    """How many trials have ended since the last that improved on the best, or came onto the front of several goals."""
    values = objective.values(history)
    feasible = objective.feasible(history)
    last = None
    for row in feasible.nonzero()[0]:
        before = values[: row + 1][feasible[: row + 1]]
        if (before[:-1] == before[-1]).all(axis=1).any():
            continue
        if non_dominated(before)[-1]:
            last = history.completed[row]
    ended = [trial for trial in history.ended if trial.is_query]
    if last is None:
        return len(ended)
    place = next((position for position, trial in enumerate(ended) if trial is last), -1)
    return len(ended) - 1 - place
