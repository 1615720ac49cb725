"""Commands and Python that a page shows and no test runs are at least ones that there are."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from bonag.cli.app import app

from .tutorial import PAGES, ROOT

TEXTS = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "results/README.md")), *sorted(PAGES.rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Shown in a shape that is no call: what stands for the rest.
MORE = "..."


def commands(text: str) -> Iterator[list[str]]:
    """The words of each line of a block, or of an indented one, that calls bonag."""
    blocks = [found[2] for found in FENCE.finditer(text) if found[1] in ("bash", "console", "sh")]
    blocks += re.findall(r"(?:^    .*\n)+", FENCE.sub("", text), re.MULTILINE)
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|;|\|\|| do ", line.strip()):
            if part.strip().startswith("bonag "):
                yield shlex.split(part.strip(), comments=True)[1:]


def check(words: list[str]) -> None:
    """Raises AssertionError unless there is a command with these options."""
    command: Any = typer.main.get_command(app)
    while getattr(command, "commands", {}):
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    options = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts)}
    rest = iter(words)
    for word in rest:
        if word in (">", "|", MORE):
            break
        if re.match("--?[a-z]", word):
            name, given, _ = word.partition("=")
            assert name in options, f"bonag {command.name} has no {name}: {words}"
            if not given and not getattr(options[name], "is_flag", False):
                next(rest, None)


@pytest.mark.slow
@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_these_options(page: Path) -> None:
    for words in commands(page.read_text(encoding="utf-8")):
        check(words)


def test_most_commands_are_found() -> None:
    found = [words for page in TEXTS for words in commands(page.read_text(encoding="utf-8"))]
    assert len(found) > 100
    with pytest.raises(AssertionError, match="has no --buget"):
        check(shlex.split("run --space nb201 --buget 3"))
    with pytest.raises(AssertionError, match="serch"):
        check(["serch"])


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_is_python(page: Path) -> None:
    for found in FENCE.finditer(page.read_text(encoding="utf-8")):
        if found[1] == "python":
            ast.parse(found[2])
