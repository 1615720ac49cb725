"""The file of a report, which appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bonag.ui.report.page import page
from bonag.ui.source import Source
from bonag.whole_file import whole_file
from search_spaces.errors import UserError

ENDINGS = (".html", ".htm")


@dataclass(frozen=True)
class Written:
    """name: of the experiment. size: of the file, in bytes."""

    name: str
    trials: int
    size: int


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
