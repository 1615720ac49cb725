"""What to type to get a run, to go on with it, and to use what it found."""

from __future__ import annotations

import shlex
from dataclasses import fields

from bonag.evaluators.registry import evaluator_names
from loops.config import RunConfig

# Options that matter to every reader come always, the others where they are not the default.
ALWAYS = ("space", "evaluator", "task", "objective", "constraints", "budget", "strategy", "seed")
OTHERS = ("acquisition", "predictor", "batch_size", "executor", "max_failures", "device", "record", "data")


def run_command(config: RunConfig) -> str | None:
    """The ``bonag run`` that gives the same trials; None for a run that a Python program made with its own parts."""
    if config.budget is None or config.evaluator not in evaluator_names(config.space):
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


def resume_command(where: str) -> str:
    """Goes on with a run in a folder."""
    return shlex.join(["bonag", "resume", where])
