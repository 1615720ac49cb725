"""Every option of every command says what it is without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer

from bonag.cli.app import app


def leaves(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, object]]:
    """All commands that do something, by what is typed for them."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(path), command
        return
    for name, one in inner.items():
        yield from leaves(one, (*path, name))


COMMANDS = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_default_is_shown(name: str) -> None:
    options = [p for p in COMMANDS[name].params if p.param_type_name == "option" and p.name != "help"]  # type: ignore[attr-defined]
    for option in options:
        words = isinstance(option.show_default, str) and option.show_default
        shown = words or (option.default is not None and option.show_default)
        assert option.required or getattr(option, "is_flag", False) or shown, f"--{option.name}"
        assert "[default" not in (option.help or ""), f"--{option.name}"


def test_the_words_are_on_the_page(call) -> None:  # type: ignore[no-untyped-def]
    said = call("run", "--help")
    page = " ".join(said.out.replace("│", " ").split())
    assert "[default: 100]" in page
    assert "[default: (the one that comes with the space)]" in page
