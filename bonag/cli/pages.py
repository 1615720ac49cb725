"""Help pages that show what was written: paragraphs fill the width, and brackets are no markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

# What Rich would read as markup, and leave out.
_TAG = re.compile(r"(?=\[[a-zA-Z#/@])")


class Command(TyperCommand):
    """A command of which all texts are plain."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _make_plain(self)


class Group(TyperGroup):
    """A group of which all texts are plain."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _make_plain(self)


def _make_plain(command: TyperCommand | TyperGroup) -> None:
    command.help = page_text(command.help or "")
    for parameter in command.params:
        words = getattr(parameter, "help", None)
        if words:
            parameter.help = _TAG.sub(r"\\", words)  # type: ignore[attr-defined]


def page_text(text: str) -> str:
    """A docstring for the page, which breaks each paragraph as wide as it is; examples keep their lines."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return _TAG.sub(r"\\", "\n\n".join(_joined(paragraph.split("\n")) for paragraph in paragraphs))


def _joined(lines: Iterable[str]) -> str:
    lines = [line.strip() for line in lines]
    example = all(line.startswith("bonag ") for line in lines)
    return ("\n" if example else " ").join(lines)
