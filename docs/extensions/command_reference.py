"""The directive ``commands``: every command of bonag with its options, read from the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bonag.cli.app import app as bonag


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}


class Commands(SphinxDirective):
    """A section for each command."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        text = "\n".join(line for name, one in commands(typer.main.get_command(bonag)) for line in section(name, one))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def commands(command: Any, path: str = "bonag") -> Iterator[tuple[str, Any]]:
    """All commands that do something, by what is typed for them."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name, one in inner.items():
        yield from commands(one, f"{path} {name}")


def section(name: str, command: Any) -> Iterator[str]:
    """Markdown on one command: what it does, examples, arguments and options."""
    yield from (f"## {name}", "")
    for paragraph in re.sub(r"\\(?=\[)", "", command.help).split("\n\n"):
        lines = paragraph.split("\n")
        example = all(line.startswith("bonag ") for line in lines)
        yield from (("```console", *lines, "```", "") if example else (*lines, ""))
    shown = [one for one in command.params if one.name != "help"]
    if shown:
        yield from ("| option | what it is | default |", "|---|---|---|", *map(row, shown), "")


def row(parameter: Any) -> str:
    """One line of the table of options."""
    option = parameter.param_type_name == "option"
    names = parameter.opts if option else [parameter.metavar or parameter.name.upper()]
    words = re.sub(r"\\(?=\[)", "", parameter.help or "").replace("|", "\\|")
    return f"| {', '.join(f'`{one}`' for one in names)} | {words} | {default(parameter)} |"


def default(parameter: Any) -> str:
    """What holds where the option is not given."""
    if parameter.required:
        return "required"
    shown = getattr(parameter, "show_default", None)
    if isinstance(shown, str):
        return shown
    if getattr(parameter, "is_flag", False):
        return "on" if parameter.default else "off"
    return "" if parameter.default is None else f"`{parameter.default}`"
