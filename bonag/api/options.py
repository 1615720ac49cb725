"""The options of a run as arguments of a Python function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from textwrap import fill
from typing import TypeVar

from loops.options import Option, run_options
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

# Options that there were, and what has their place.
FORMER = {"on_event": "callbacks=[...]"}

Function = TypeVar("Function", bound=Callable[..., object])


def takes_options(*names: str) -> Callable[[Function], Function]:
    """Give a function of ``**options`` the signature of these options of a run, by default all that it does not name.

    ``{options}`` in its documentation becomes a line on each. The function itself calls ``check_options``.
    """

    def describe(function: Function) -> Function:
        own = inspect.signature(function).parameters
        taken = [one for one in run_options(*names) if one.name not in own]
        keyword = inspect.Parameter.KEYWORD_ONLY
        added = [inspect.Parameter(one.name, keyword, default=one.default) for one in taken]
        first = [one for one in own.values() if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        last = [one for one in own.values() if one.kind is keyword]
        function.__signature__ = inspect.Signature([*first, *added, *last])  # type: ignore[attr-defined]
        lines = "\n".join(map(_line, taken)).lstrip()
        function.__doc__ = (function.__doc__ or "").replace("{options}", lines)
        return function

    return describe


def check_options(options: dict[str, object], *names: str) -> dict[str, object]:
    """The options that were given; raises UserError for one that there is not."""
    known = [one.name for one in run_options(*names)]
    for name in options:
        if name in FORMER:
            raise UserError(f"option '{name}' is now {FORMER[name]}")
        if name not in known:
            raise UserError(f"unknown option '{name}': {suggestion(name, known)}")
    return options


def _line(option: Option) -> str:
    default = option.unset or option.default
    return fill(f"    {option.name}: {option.help} By default {default}.", 118, subsequent_indent=" " * 8)
