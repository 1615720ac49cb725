"""The options of a run as options of a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

import typer

from bonag.cli.completing import completer
from loops.options import Option, run_options

Command = TypeVar("Command", bound=Callable[..., object])


def takes_options(*names: str, **unset: str) -> Callable[[Command], Command]:
    """Give a command of ``**options`` these options of a run, by default all that it does not declare itself.

    unset: by name, what the command takes where the option is not given, in words.
    """

    def declare(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters
        taken = [_parameter(one, unset.get(one.name)) for one in run_options(*names) if one.name not in own]
        rest = [one for one in own.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        parameters = [*taken, *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in rest)]
        # Typer reads both.
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return declare


def given_options(context: typer.Context, options: Mapping[str, object]) -> dict[str, object]:
    """Those of a command's options that were given, and have not just their default."""
    sources = {name: context.get_parameter_source(name) for name in options}
    return {name: options[name] for name, source in sources.items() if source is not None and source.name != "DEFAULT"}


def _parameter(option: Option, unset: str | None) -> inspect.Parameter:
    words = unset or option.unset or (str(option.default) if option.several else None)
    kind: object = list[str] if option.several else next(one for one in option.types if one is not type(None))
    if words is not None:
        kind = kind | None  # type: ignore[operator]
    required = option.required and unset is None
    default = inspect.Parameter.empty if required else None if words is not None else option.default
    info = typer.Option(
        f"--{option.flag}", help=option.help, show_default=words or True, autocompletion=completer(option.name)
    )
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info]
    )
