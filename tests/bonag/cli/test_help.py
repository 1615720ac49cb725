"""The help pages: what they say stands in ``pages/``; every option says what it is without it.

``python tests/bonag/cli/test_help.py`` writes the pages anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from bonag.cli.app import app
from bonag.cli.pages import page_text

PAGES, WIDTH = Path(__file__).with_name("pages"), 100


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """All commands and groups, by what is typed for them."""
    yield " ".join(path), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(app)))


def file_of(name: str) -> Path:
    return PAGES / f"{name.replace(' ', '-') or 'bonag'}.txt"


def page(name: str) -> str:
    """What ``bonag NAME --help`` prints into a pipe."""
    coloured = ("GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS")
    plain = {key: value for key, value in os.environ.items() if key not in coloured}
    said = subprocess.run(
        [sys.executable, "-m", "bonag", *name.split(), "--help"],
        env=plain | {"COLUMNS": str(WIDTH)},
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line.rstrip() for line in said.stdout.strip().split("\n")) + "\n"


def written(name: str) -> str:
    return file_of(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_is_as_it_is_kept(name: str, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    said = call(*name.split(), "--help")
    assert (said.status, said.err) == (0, "")
    shown = [line.rstrip() for line in said.out.strip().split("\n")]
    assert shown == written(name).rstrip("\n").split("\n"), f"if this is meant: python {__file__}"
    assert call(*name.split(), "-h").out == said.out


def test_no_page_is_kept_of_a_command_that_there_is_not() -> None:
    assert {path.name for path in PAGES.iterdir()} == {file_of(name).name for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_default_is_on_the_page(name: str) -> None:
    # One column: what is written of an option goes on in the lines below it.
    shown = " ".join(written(name).replace("│", " ").split())
    options = [one for one in COMMANDS[name].params if one.param_type_name == "option" and one.help]
    begins = [shown.find(f" {one.opts[0]} ", shown.find("─ Options ─")) for one in options]
    for option, begin in zip(options, begins, strict=True):
        assert begin >= 0, f"{option.opts[0]} is not on the page"
        part = shown[begin : min((other for other in begins if other > begin), default=len(shown))]
        if option.required:
            assert "[required]" in part, part
        elif not option.is_flag or option.secondary_opts:
            words = option.show_default if isinstance(option.show_default, str) else option.default
            assert words not in (None, ""), f"{option.opts[0]} has a default without words"
            assert "[default: " in part, part
            assert str(words).lower() in part.lower() or option.secondary_opts, part


@pytest.mark.parametrize("name", [name for name in COMMANDS if not hasattr(COMMANDS[name], "commands")])
def test_every_page_says_in_a_sentence_what_the_command_does(name: str) -> None:
    first = written(name).split("\n\n")[1]
    assert len(first.split()) >= 4
    assert first.rstrip().endswith(".")


def test_brackets_are_no_markup_and_paragraphs_fill_the_width() -> None:
    text = page_text("First line\ngoes on. [default: 3]\n\nSecond [a/b] [0.5]\nparagraph.\n\n  bonag x\n  bonag y\n")
    assert text == "First line goes on. \\[default: 3]\n\nSecond \\[a/b] [0.5] paragraph.\n\nbonag x\nbonag y"


def test_an_example_on_a_page_is_a_command_that_there_is() -> None:
    found = [line.split() for name in COMMANDS for line in re.findall(r"^ +bonag (.*)$", written(name), re.MULTILINE)]
    assert len(found) > 15
    for words in found:
        name = " ".join(words[: 2 if words[0] == "bench" else 1])
        options = {opt for one in COMMANDS[name].params for opt in one.opts}
        assert {word for word in words if re.match("--?[a-z]", word)} <= options, words


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for old in PAGES.iterdir():
        old.unlink()
    for each in COMMANDS:
        file_of(each).write_text(page(each), encoding="utf-8")
