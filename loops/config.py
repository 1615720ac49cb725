"""All that decides a run, beside its history."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from loops.objective import Objective
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

FORMAT = 2
# What keys of later formats mean where an earlier one lacks them.
ADDED = {1: {"constraints": ()}}
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class RunConfig:
    """A run's configuration, as ``config.json`` holds it; raises UserError for a value that makes no sense.

    objective: a metric, with a minus before it to minimise, or several of them, of which a Pareto front is wanted.
    constraints: bounds on metrics, as in ``latency_note10<=30``.
    budget: number of trials, failed ones included; None where somebody else decides when to end (ask and tell).
    acquisition, predictor: what strategy 'bonag' decides by.
    seed: with the history, decides every proposal.
    batch_size: trials that are proposed together; the next batch waits until all of them have ended.
    threads: threads that PyTorch may use; fixed here because it takes part in floating-point results.
    max_failures: evaluations that may fail in a row before the run stops.
    record: URL of the database without its password; None for ``record.db`` in the run's folder.
    data: folder of the benchmark tables; None for the environment's.
    bonag: version that started the run. format: version of this file.
    """

    name: str
    space: str
    evaluator: str
    task: str | None = None
    objective: str | tuple[str, ...] = "accuracy"
    constraints: tuple[str, ...] = ()
    budget: int | None = 100
    strategy: str = "bonag"
    acquisition: str = "log-ei"
    predictor: str = "gp"
    seed: int = 0
    batch_size: int = 1
    device: str = "auto"
    executor: str = "local"
    max_failures: int = 10
    threads: int = 1
    record: str | None = None
    data: str | None = None
    bonag: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", _texts(self.objective, one=True))
        object.__setattr__(self, "constraints", _texts(self.constraints))
        for name, kind in get_type_hints(RunConfig).items():
            value = getattr(self, name)
            if not isinstance(value, _types(kind)) or isinstance(value, bool):
                raise UserError(f"{name} must be {_words(kind)}, got {value!r}")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.name):
            raise UserError(
                f"name '{self.name}' cannot name a run: up to 100 letters, digits, '.', '_' and '-', "
                "the first a letter or a digit"
            )
        if self.format != FORMAT:
            raise UserError(f"format {self.format} is unknown to this bonag, which writes format {FORMAT}")
        for name, least in {"budget": 1, "seed": 0, "batch_size": 1, "max_failures": 1, "threads": 1}.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"{name} must be at least {least}, got {value}")
        if self.device not in DEVICES:
            raise UserError(f"unknown device '{self.device}': {suggestion(self.device, DEVICES)}")
        try:
            self.parsed_objective()
        except ValueError as error:
            raise UserError(str(error)) from None

    def parsed_objective(self) -> Objective:
        """What is maximised, minimised and bounded."""
        return Objective.parse(self.objective, self.constraints)

    def to_json(self) -> str:
        """The text of ``config.json``."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> RunConfig:
        """The inverse of ``to_json``; raises UserError that names the first thing wrong."""
        try:
            values: Any = json.loads(text)
        except ValueError as error:
            raise UserError(f"not JSON: {error}") from None
        if not isinstance(values, dict):
            raise UserError(f"not a JSON object but {type(values).__name__}")
        names = [field.name for field in fields(cls)]
        known = values.get("format", FORMAT)
        # A newer format may have other keys; that it is newer is then the thing to say.
        if not isinstance(known, int) or isinstance(known, bool) or (known != FORMAT and known not in ADDED):
            raise UserError(f"format {known!r} is unknown to this bonag, which reads formats up to {FORMAT}")
        added = ADDED.get(known, {})
        for name in values:
            if name not in names or name in added:
                raise UserError(f"unknown key '{name}': {suggestion(name, [n for n in names if n not in added])}")
        for name in names:
            if name not in values and name not in added:
                raise UserError(f"key '{name}' is missing")
        return cls(**{**values, **added, "format": FORMAT})

    def difference(self, other: RunConfig) -> str | None:
        """One line on the first value in which two configurations differ, or None."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine != theirs:
                return f"{field.name} is {mine!r} in one and {theirs!r} in the other"
        return None


def _texts(value: Any, one: bool = False) -> Any:
    """A list of strings as a tuple, with ``one`` a single one as itself; anything else as it is."""
    if not isinstance(value, list | tuple):
        return value
    if not all(isinstance(text, str) for text in value):
        return list(value)
    return value[0] if one and len(value) == 1 else tuple(value)


def _types(kind: Any) -> tuple[type, ...]:
    parts = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return tuple(get_origin(part) or part for part in parts)


def _words(kind: Any) -> str:
    names = {str: "a string", int: "a whole number", type(None): "null", tuple: "a list of strings"}
    return " or ".join(names[part] for part in _types(kind))
