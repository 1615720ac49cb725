"""What strategies compete for: one objective of one evaluator, and how many trials each run has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import bonag
from bonag.api.sources import read_sources
from bonag.evaluators import evaluator_names, make_evaluator, task_names
from bonag.roles import ACQUISITIONS, PREDICTORS
from loops.config import RunConfig
from loops.objective import Objective, with_sign
from loops.protocols import Evaluator
from loops.source import Source
from search_spaces import SearchSpace, get_space
from search_spaces.errors import UserError

FORMAT = 1
# The options of a run that a contest has; all its runs share them.
OPTIONS: tuple[str, ...] = ("space", "evaluator", "task", "objective", "constraints")
OPTIONS += ("acquisition", "predictor", "generator", "budget", "transfer")
SEED = "{seed}"
# Whatever else differs makes another contest, whose runs cannot be compared with these.
MAY_DIFFER = ("budget", "data")
# How a contest's file has always called an option of a run.
NAMES = {"objective": "goals"}


@dataclass(frozen=True)
class Contest:
    """One objective, and how long every run may work on it: options of a run (``loops.config``), which all runs share.

    goals, constraints: the objective's texts. acquisition, predictor, generator: of the strategies that take them.
    transfer: sources of the strategies that take some; ``{seed}`` in them is the seed of the run.
    data: folder of the benchmark tables, or None for the environment's. bonag: the version whose strategies compete.
    """

    space: str
    evaluator: str
    task: str | None
    goals: tuple[str, ...] = ("accuracy",)
    constraints: tuple[str, ...] = ()
    budget: int = 100
    acquisition: str = RunConfig.acquisition
    predictor: str = RunConfig.predictor
    generator: str | None = None
    transfer: tuple[str, ...] = ()
    data: str | None = None
    bonag: str = bonag.__version__

    def config(self, strategy: str, seed: int) -> RunConfig:
        """One of its runs; raises UserError for an option that makes no sense."""
        options: dict[str, Any] = {name: getattr(self, NAMES.get(name, name)) for name in (*OPTIONS, "data", "bonag")}
        return RunConfig(name="bench", strategy=strategy, seed=seed, device="cpu", **options)

    def read_sources(self, seed: int) -> tuple[Source, ...]:
        """The sources of the run with that seed; raises UserError."""
        texts = [text.replace(SEED, str(seed)) for text in self.transfer]
        data = None if self.data is None else Path(self.data)
        return read_sources(texts, self.make_space(), self.objective, data=data)

    def make_space(self) -> SearchSpace:
        """The search space."""
        return get_space(self.space)

    def make_evaluator(self) -> Evaluator:
        """The evaluator of all that the objective asks for; raises UserError where its data cannot be read."""
        data = None if self.data is None else Path(self.data)
        return make_evaluator(self.make_space(), self.evaluator or None, self.task, data, objective=self.objective)

    @property
    def objective(self) -> Objective:
        """What the strategies are given."""
        return Objective.parse(self.goals, self.constraints)

    def title(self) -> str:
        """One line that names it."""
        return f"{' '.join(filter(None, (self.space, self.evaluator, self.task)))}: {self.objective}"

    def difference(self, other: Contest) -> str | None:
        """One line on the first thing that makes the other contest another one, or None."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if field.name not in MAY_DIFFER and mine != theirs:
                name = next((option for option, own in NAMES.items() if own == field.name), field.name)
                there, here = (json.dumps(value, ensure_ascii=False) for value in (mine, theirs))
                return f"{name} is {there} there and {here} here"
        return None

    def to_json(self) -> dict[str, object]:
        """JSON values; without the folder of the data, which is this machine's."""
        return {"format": FORMAT} | {name: value for name, value in asdict(self).items() if name != "data"}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Contest:
        """The inverse of ``to_json``; raises KeyError, TypeError or ValueError for anything else."""
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']!r}")
        # What contests of earlier versions did not have yet.
        known = {"generator": None, "transfer": (), **values}
        made = cls(**{field.name: known[field.name] for field in fields(cls) if field.name != "data"})
        constraints, transfer = tuple(made.constraints), tuple(made.transfer)
        return replace(made, goals=tuple(map(with_sign, made.goals)), constraints=constraints, transfer=transfer)


def make_contest(options: Mapping[str, Any]) -> Contest:
    """The contest with its defaults by name; raises UserError for what there is not.

    options: by the names in ``OPTIONS``, and ``data``; those that are None or absent are the default ones, of the
    evaluator the space's first, or, where that lacks the task, the first that has it.
    """
    given = {NAMES.get(name, name): value for name, value in options.items() if value is not None}
    for name in ("goals", "constraints", "transfer"):
        given[name] = (texts,) if isinstance(texts := given.get(name, ()), str) else tuple(texts)
    given["goals"] = given["goals"] or (get_space(given["space"]).goal,)
    data = Path(given["data"]).resolve() if given.get("data") else None
    given["data"] = None if data is None else str(data)
    get_space(given["space"])
    if "evaluator" not in given and "task" in given:
        given["evaluator"] = _evaluator_with(given["space"], given["task"], data)
    contest = Contest(**{"evaluator": "", "task": None, **given})
    objective = contest.config("random", 0).parsed_objective()
    for registry, part in ((ACQUISITIONS, contest.acquisition), (PREDICTORS, contest.predictor)):
        if part not in registry.names():
            registry.find(part)
    evaluator = contest.make_evaluator()
    return replace(
        contest,
        evaluator=contest.evaluator or getattr(evaluator, "name", ""),
        task=contest.task or getattr(evaluator, "task", None),
        goals=tuple(str(goal) for goal in objective.goals),
        constraints=tuple(str(constraint) for constraint in objective.constraints),
    )


def _evaluator_with(space: str, task: str, data: Path | None) -> str:
    """The first evaluator that has the task; "", for the first of all, if none has, or none that can be asked."""
    for name in evaluator_names(space):
        try:
            if task in task_names(space, name, data):
                return name
        except UserError:
            # Its data is not here.
            continue
    return ""
