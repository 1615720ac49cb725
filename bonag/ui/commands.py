"""How to get a run again and to go on with it: commands, what it read, and the versions of what computed it."""

from __future__ import annotations

import json
import platform
import shlex
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version

from bonag.evaluators.registry import evaluator_names
from bonag.ui.source import View
from loops.config import RunConfig
from loops.config_json import config_to_json
from loops.options import run_options
from search_spaces.registry import PYTHON

# Options that matter to every reader come always, the others where they are not the default; these never.
ALWAYS = ("space", "evaluator", "task", "objective", "constraints", "budget", "strategy", "seed")
NEVER = ("name", "out", "threads")


def own_parts(config: RunConfig) -> list[str]:
    """The options whose parts were Python objects, so that only a program can give them again."""
    found = [field.name for field in fields(config) if str(getattr(config, field.name)).startswith(PYTHON)]
    named = ":" in config.evaluator or config.evaluator in evaluator_names(config.space)
    return found if named else list(dict.fromkeys([*found, "evaluator"]))


def run_command(config: RunConfig) -> str | None:
    """The ``bonag run`` that gives the same trials; None for a run that only a Python program can make."""
    if config.budget is None or own_parts(config):
        return None
    words = ["bonag", "run"]
    others = [option for option in run_options() if option.name not in (*ALWAYS, *NEVER)]
    for option in (*run_options(*ALWAYS), *others):
        value = getattr(config, option.name)
        if value is None or (option in others and value == option.default):
            continue
        for one in value if isinstance(value, tuple) else (value,):
            # With "=", a metric with a minus before it is no option of its own.
            words += [f"--{option.flag}={one}"] if str(one).startswith("-") else [f"--{option.flag}", str(one)]
    return shlex.join(words)


def resume_command(config: RunConfig, where: str) -> str | None:
    """Goes on with the run in a folder; None for a run that only a Python program can go on with."""
    if config.budget is None or own_parts(config):
        return None
    return shlex.join(["bonag", "resume", where])


def resume_words(config: RunConfig) -> str:
    """How a Python program goes on with a run, where no command can."""
    if config.budget is None:
        return "It was asked and told by a program, which decides itself when to go on."
    parts = own_parts(config)
    objects = f"{' and '.join(parts)} {'was a Python object' if len(parts) == 1 else 'were Python objects'}"
    given = ", ".join(f"{name}=..." for name in parts)
    return f"Its {objects}, so a program goes on with it: bonag.resume(folder, {given})."


# What a run's numbers depend on.
PACKAGES = (
    "bonag", "ax-platform", "botorch", "gpytorch", "linear-operator", "numpy", "pandas", "plotly", "pymoo", "scipy",
    "sqlalchemy", "torch", "torch-geometric",
)  # fmt: skip
# A surrogate comes with the package.
_SHIPPED = "surrogate"


@dataclass(frozen=True)
class Reproduction:
    """command: runs it again, or None for a run that only a Python program can make.

    resume: goes on with it, or None where that makes no sense; going_on: a sentence about it. config: ``config.json``,
    but for its paths. changed: (option, value) where it is not the default. data: a sentence on tables, or None.
    versions: (package, version) of the installation that made the report; started_by: the bonag that started the run,
    if that is another one. python, system: what it runs on.
    """

    command: str | None
    resume: str | None
    going_on: str
    config: str
    changed: tuple[tuple[str, str], ...]
    data: str | None
    versions: tuple[tuple[str, str], ...]
    started_by: str | None
    python: str = platform.python_version()
    system: str = f"{platform.system()} {platform.machine()}"


def reproduction(view: View) -> Reproduction | None:
    """Of a run of bonag; None for another experiment."""
    config = view.config
    if config is None:
        return None
    resume, going_on = _going_on(view.summary.state, config)
    return Reproduction(
        command=run_command(config),
        resume=resume,
        going_on=going_on,
        config=config_to_json(config),
        changed=_other_options(config),
        data=_data(config),
        versions=tuple((name, found) for name in PACKAGES if (found := _version(name)) is not None),
        started_by=config.bonag if config.bonag and config.bonag != _version("bonag") else None,
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _other_options(config: RunConfig) -> tuple[tuple[str, str], ...]:
    """Options with another value than the default; those without a default always are."""
    values = [(field, getattr(config, field.name)) for field in fields(RunConfig)]
    return tuple(
        (field.name, value if isinstance(value, str) else json.dumps(asdict(config)[field.name]))
        for field, value in values
        if field.name not in ("name", "bonag", "format") and value != field.default
    )


def _going_on(state: str, config: RunConfig) -> tuple[str | None, str]:
    command = resume_command(config, config.name)
    if config.budget is None:
        return None, resume_words(config)
    if state not in ("interrupted", "stopped", "running"):
        return None, f"The run is {state}: there is nothing to go on with."
    if command is None:
        return None, resume_words(config)
    if state in ("interrupted", "stopped"):
        return command, (
            f"The run is {state}. In the folder above {config.name}/, this goes on with it as if nothing had happened:"
        )
    return command, "The run was going on when this was made. Should it be interrupted, this goes on with it:"


def _data(config: RunConfig) -> str | None:
    if config.evaluator == _SHIPPED:
        return None
    if config.data is not None:
        return (
            f"Tables were read from a folder '{config.data}', named here without where it lies on the machine of the "
            "run: give your own to --data."
        )
    return "Tables, if the evaluator needs any, were read from the folder that BONAG_DATA names."
