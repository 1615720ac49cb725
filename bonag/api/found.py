"""The best trials of a run, with what their networks cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from loops.history import History, Trial
from loops.objective import Objective
from search_spaces import Architecture, SearchSpace
from search_spaces.architecture import COUNTED


@dataclass(frozen=True)
class Found:
    """A completed trial with what its network costs.

    params: trainable parameters. macs: multiply-accumulates of one image. They are the evaluator's where it counts
    them, else those for the space's default classes and image size; None where the space counts none.
    """

    trial: int
    architecture: Architecture
    metrics: Mapping[str, float]
    params: int | None
    macs: int | None

    @classmethod
    def of(cls, trial: Trial, space: SearchSpace) -> Found:
        """The trial and the costs of its architecture."""
        costs = space.costs(trial.architecture) if space.counts else None
        known = [trial.metrics.get(name, getattr(costs, name, None)) for name in COUNTED]
        params, macs = (None if value is None else int(value) for value in known)
        return cls(trial.index, trial.architecture, dict(trial.metrics), params, macs)


class Findings:
    """What the trials of a history have found so far."""

    def __init__(self, history: History, objective: Objective, space: SearchSpace) -> None:
        self.history, self.objective, self.space = history, objective, space

    def top(self, k: int) -> list[Found]:
        """The k best completed trials that meet the constraints, best first; ties go to the earlier one.

        Of several goals: trials of the front, chosen so that they spread over it; best by the first goal first.
        """
        return [Found.of(trial, self.space) for trial in best_trials(self.objective, self.history, k)]

    @cached_property
    def best(self) -> Found | None:
        """The best completed trial that meets the constraints, or None while there is none.

        Of several goals: that of the front which is best by the first.
        """
        return next(iter(self.top(1)), None)

    @cached_property
    def front(self) -> list[Found]:
        """The trials that meet the constraints and that no other one dominates, best by the first goal first."""
        return [Found.of(trial, self.space) for trial in self.objective.front(self.history)]

    @cached_property
    def nearest(self) -> Found | None:
        """While no trial meets the constraints: the completed one that breaks them least, if there is any."""
        if self.best is not None:
            return None
        return next((Found.of(trial, self.space) for trial in self.objective.best(self.history)), None)


def best_trials(objective: Objective, history: History, k: int) -> list[Trial]:
    """See ``Findings.top``."""
    if len(objective.goals) == 1:
        return [trial for trial in objective.best(history, k) if objective.admits(trial)]
    front = objective.front(history)
    # The best by the first goal is among the ends of the front, which the order of all trials prefers.
    chosen = {trial.index for trial in [*front[:1], *objective.best(history, len(front))][: k + 1]}
    return [trial for trial in front if trial.index in chosen][:k]
