"""What to type to get a run, and to go on with it."""

from __future__ import annotations

import shlex
from dataclasses import fields

from bonag.evaluators.registry import evaluator_names
from loops.config import RunConfig
from search_spaces.registry import PYTHON

# Options that matter to every reader come always, the others where they are not the default.
ALWAYS = ("space", "evaluator", "task", "objective", "constraints", "budget", "strategy", "seed")
OTHERS = ("acquisition", "predictor", "batch_size", "executor", "max_failures", "device", "record", "data")


def own_parts(config: RunConfig) -> list[str]:
    """The options whose parts were Python objects, so that only a program can give them again."""
    found = [field.name for field in fields(config) if str(getattr(config, field.name)).startswith(PYTHON)]
    named = ":" in config.evaluator or config.evaluator in evaluator_names(config.space)
    return found if named else list(dict.fromkeys([*found, "evaluator"]))


def run_command(config: RunConfig) -> str | None:
    """The ``bonag run`` that gives the same trials; None for a run that only a Python program can make."""
    if config.budget is None or own_parts(config):
        return None
    defaults = {field.name: field.default for field in fields(RunConfig)}
    words = ["bonag", "run"]
    for name in (*ALWAYS, *OTHERS):
        value = getattr(config, name)
        if value is None or (name in OTHERS and value == defaults[name]):
            continue
        option = "--" + ("constraint" if name == "constraints" else name.replace("_", "-"))
        for one in value if isinstance(value, tuple) else (value,):
            # With "=", a metric with a minus before it is no option of its own.
            words += [f"{option}={one}"] if str(one).startswith("-") else [option, str(one)]
    return shlex.join(words)


def resume_command(config: RunConfig, where: str) -> str | None:
    """Goes on with the run in a folder: a command, or a line of Python where parts were Python objects.

    None for a run that a program asks and tells, which decides itself when to go on.
    """
    if config.budget is None:
        return None
    parts = "".join(f", {name}=..." for name in own_parts(config))
    return f"bonag.resume({where!r}{parts})" if parts else shlex.join(["bonag", "resume", where])
