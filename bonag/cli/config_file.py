"""The options of a run as a YAML file."""

from __future__ import annotations

from pathlib import Path

from loops.config import RunConfig
from loops.options import run_options
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion


def read_options(path: Path) -> dict[str, object]:
    """The options that a file gives, by their names in Python; raises UserError for the first thing wrong."""
    import yaml

    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no file with options of a run")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UserError(f"{path} must hold names of options and their values, as in 'budget: 100'")
    known = {option.name: option for option in run_options()}
    for name, value in found.items():
        if name not in known:
            raise UserError(f"{path}: unknown option '{name}': {suggestion(str(name), known)}")
        try:
            known[name].check(value)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
    return {name: value for name, value in found.items() if value is not None}


def options_text(config: RunConfig) -> str:
    """The file that repeats a run under another name; raises UserError where only a Python program can."""
    import yaml

    from bonag.ui.commands import own_parts, run_command

    if run_command(config) is None:
        parts = ", ".join(own_parts(config)) or "trials that were told"
        raise UserError(f"run '{config.name}' was made by a Python program, which alone can repeat it: {parts}")
    values = {one.name: getattr(config, one.name) for one in run_options() if one.name not in ("name", "out")}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    chosen = {name: value for name, value in plain.items() if value not in (None, [])}
    text: str = yaml.safe_dump(chosen, sort_keys=False, allow_unicode=True, width=1000)
    return text
