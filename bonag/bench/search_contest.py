"""What strategies compete for: one objective of one evaluator, and how many trials each run has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import bonag
from bonag.evaluators import make_evaluator
from bonag.evaluators.registry import evaluator_names, task_names
from bonag.strategies import ACQUISITIONS, PREDICTORS
from loops.objective import Objective
from loops.protocols import Evaluator
from search_spaces import SearchSpace, get_space
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

FORMAT = 1
# Whatever else differs makes another contest, whose runs cannot be compared with these.
MAY_DIFFER = ("budget", "data")


@dataclass(frozen=True)
class Contest:
    """One objective, and how long every run may work on it.

    goals, constraints: the objective's texts. acquisition, predictor: of the strategies that take them.
    data: folder of the benchmark tables, or None for the environment's. bonag: the version whose strategies compete.
    """

    space: str
    evaluator: str
    task: str
    goals: tuple[str, ...] = ("accuracy",)
    constraints: tuple[str, ...] = ()
    budget: int = 100
    acquisition: str = ACQUISITIONS[0]
    predictor: str = PREDICTORS[0]
    data: str | None = None
    bonag: str = bonag.__version__

    def make_space(self) -> SearchSpace:
        """The search space."""
        return get_space(self.space)

    def make_evaluator(self) -> Evaluator:
        """The evaluator; raises UserError where its data cannot be read."""
        data = None if self.data is None else Path(self.data)
        return make_evaluator(self.make_space(), self.evaluator, self.task, data)

    @property
    def objective(self) -> Objective:
        """What the strategies are given."""
        return Objective.parse(self.goals, self.constraints)

    def title(self) -> str:
        """One line that names it."""
        return f"{self.space} {self.evaluator} {self.task}: {self.objective}"

    def difference(self, other: Contest) -> str | None:
        """One line on the first thing that makes the other contest another one, or None."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if field.name not in MAY_DIFFER and mine != theirs:
                name = {"goals": "objective"}.get(field.name, field.name)
                return f"{name} is {_shown(mine)} there and {_shown(theirs)} here"
        return None

    def to_json(self) -> dict[str, Any]:
        """JSON values; without the folder of the data, which is this machine's."""
        return {"format": FORMAT} | {name: value for name, value in asdict(self).items() if name != "data"}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Contest:
        """The inverse of ``to_json``; raises KeyError, TypeError or ValueError for anything else."""
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']!r}")
        made = cls(**{field.name: values[field.name] for field in fields(cls) if field.name != "data"})
        return replace(made, goals=tuple(made.goals), constraints=tuple(made.constraints))


def make_contest(
    space: str,
    evaluator: str | None,
    task: str | None,
    goals: Sequence[str],
    constraints: Sequence[str] = (),
    *,
    data: Path | None = None,
    **options: Any,
) -> Contest:
    """The contest with its defaults by name; raises UserError for what there is not.

    evaluator: None for the space's first, or, where that lacks the task, the first that has it.
    options: the other fields of ``Contest``.
    """
    try:
        made_space = get_space(space)
        objective = Objective.parse(goals, constraints)
    except ValueError as error:
        raise UserError(str(error)) from None
    if evaluator is None and task is not None:
        evaluator = _evaluator_with(space, task, data)
    made: Any = make_evaluator(made_space, evaluator, task, data)
    for metric in objective.metrics:
        if metric not in made.metrics:
            raise UserError(f"evaluator of space '{space}' measures no '{metric}': {suggestion(metric, made.metrics)}")
    folder = None if data is None else str(data.resolve())
    bounds = tuple(str(constraint) for constraint in objective.constraints)
    return Contest(
        space, made.name, made.task, tuple(str(goal) for goal in objective.goals), bounds, data=folder, **options
    )


def _evaluator_with(space: str, task: str, data: Path | None) -> str | None:
    """The first evaluator that has the task; None if none has, or none that can be asked."""
    for name in evaluator_names(space):
        try:
            if task in task_names(space, name, data):
                return name
        except UserError:
            # Its data is not here.
            continue
    return None


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
