"""The best trials of a run, with what their networks cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from loops.history import History, Trial
from loops.objective import Objective
from search_spaces import Architecture, Costs, SearchSpace
from search_spaces.architecture import COUNTED


@dataclass(frozen=True)
class Found:
    """A completed trial with what its network costs.

    params: trainable parameters. macs: multiply-accumulates of one image. They are the evaluator's where it counts
    them, else those of the networks that it measured; None where the space counts none. space: at the size of these
    networks: ``found.space.build(found.architecture)`` makes one with fresh weights.
    """

    trial: int
    architecture: Architecture
    metrics: Mapping[str, float]
    params: int | None
    macs: int | None
    space: SearchSpace = field(repr=False, compare=False)

    @classmethod
    def of(cls, trial: Trial, space: SearchSpace) -> Found:
        """The trial and the costs of its architecture."""
        known = known_costs(trial, space)
        params, macs = (int(known[name]) if name in known else None for name in COUNTED)
        return cls(trial.index, trial.architecture, dict(trial.metrics), params, macs, space)

    def _repr_html_(self) -> str:
        from bonag.api.result_card import found_card

        return found_card(self)


# Some 10 MB; the counts of 10,000 trials are made in a second at most.
@lru_cache(maxsize=50_000)
def count_costs(space: SearchSpace, architecture: Architecture) -> Costs | None:
    """The costs of the network that the architecture stands for in the space; None where it cannot count."""
    try:
        return space.costs(architecture)
    except (ValueError, NotImplementedError):
        return None


def known_costs(trial: Trial, space: SearchSpace) -> dict[str, float]:
    """The trial's costs by name, as far as there are any: what the evaluator says, by which the run was judged, else
    counted."""
    said = {name: trial.metrics[name] for name in COUNTED if name in trial.metrics}
    counted = count_costs(space, trial.architecture) if len(said) < len(COUNTED) else None
    return said if counted is None else {name: said.get(name, float(getattr(counted, name))) for name in COUNTED}


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
