"""Makes lists of the arguments in docstrings, which bonag writes as ``name: what it is``, several in a paragraph."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sphinx.application import Sphinx

# Where an entry may begin: at the paragraph's own, or behind a sentence.
_ENTRY = re.compile(r"(?:^|(?<=[.;] ))(\w+(?:, \w+)*): ")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to autodoc."""
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True}


def _process(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    lines[:] = list(listed(lines, names_of(found)))


def names_of(found: Any) -> set[str]:
    """The arguments of a function; of a class those of its ``__init__``, and its attributes."""
    names: set[str] = set()
    if inspect.isclass(found):
        for one in found.__mro__[:-1]:
            names |= {*vars(one), *getattr(one, "__annotations__", {})}
    with suppress(TypeError, ValueError):
        names |= set(inspect.signature(found).parameters)
    return names


def listed(lines: list[str], known: set[str]) -> Iterator[str]:
    """The docstring with a bullet for each entry whose names are known."""
    for paragraph in "\n".join(lines).split("\n\n"):
        words = " ".join(paragraph.split())
        marks = [mark for mark in _ENTRY.finditer(words) if set(mark[1].split(", ")) <= known]
        if not marks:
            yield from (*paragraph.split("\n"), "")
            continue
        yield from (words[: marks[0].start()].strip(), "")
        ends = [mark.start() for mark in marks[1:]] + [len(words)]
        for mark, end in zip(marks, ends, strict=True):
            names = ", ".join(f"**{name}**" for name in mark[1].split(", "))
            # What is raised is said behind the last entry, and is no part of it.
            told, raised, rest = words[mark.end() : end].strip().partition(" Raises ")
            yield f"- {names}: {told}"
            if raised:
                yield from ("", f"Raises {rest}")
        yield ""
