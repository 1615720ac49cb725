"""The file of a report: which experiment it is about, and that it appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bonag.ui.report.page import page
from bonag.ui.source import Source
from bonag.whole_file import whole_file
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

ENDINGS = (".html", ".htm")


@dataclass(frozen=True)
class Written:
    """name: of the experiment. size: of the file, in bytes."""

    name: str
    trials: int
    size: int


def choose_run(source: Source, name: str | None = None) -> str:
    """The key of the experiment of this name, or of the only one; raises UserError where that is none, or many."""
    if source.single is not None and name is None:
        return source.single
    found = source.summaries()
    if name is None:
        if len(found) == 1:
            return found[0].key
        if not found:
            raise UserError("there is no run, and no other experiment")
        names = ", ".join(one.name for one in found[:3]) + (", ..." if len(found) > 3 else "")
        raise UserError(f"there are {len(found)} experiments ({names}): choose one by --name")
    # A folder may hold two of the same name in different folders below it; their keys differ.
    named = [one.key for one in found if name in (one.name, one.key)]
    if len(named) > 1:
        keys = ", ".join(named[:3])
        raise UserError(f"{len(named)} experiments are named '{name}': choose one by --name and its key ({keys})")
    if not named:
        raise UserError(f"there is no experiment '{name}': {suggestion(name, [one.name for one in found])}")
    return named[0]


def write_report(
    source: Source,
    key: str,
    path: Path,
    predictor: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> Written:
    """Write the report of an experiment; a file that is there already is replaced.

    predictor, tell: see ``page``. Raises UnknownKeyError, or UserError if the experiment cannot be read or the file
    cannot be written, which is found out before anything is computed.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"{path} must end in one of {', '.join(ENDINGS)}")
    view = source.view(key)
    try:
        with whole_file(path) as temporary:
            content = page(view, predictor, tell).encode()
            temporary.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write '{path}': {error.strerror or error}") from error
    return Written(view.summary.name, len(view.history), len(content))
