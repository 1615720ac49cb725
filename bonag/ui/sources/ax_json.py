"""Ax experiments in JSON files: what ``Client.save_to_json_file`` and its forerunners wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bonag.ui.background.growing import Version
from bonag.ui.source import Summary, UnknownKeyError
from bonag.ui.sources.ax import AxSource, checksum, unread
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.ax.reading import Experiment

_BEGINNING = 600
# A client's snapshot, or an experiment alone.
_SIGNS = (
    re.compile(r'\A\s*\{\s*"_type"\s*:\s*"\w*Client\w*"'),
    re.compile(r'\A\s*\{\s*"(?:experiment"\s*:\s*\{\s*")?__type"\s*:\s*"(?:Multi|MultiType)?Experiment"'),
)


def is_snapshot(path: Path) -> bool:
    """Whether a file begins as Ax's snapshots do; cheap, and never raises."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            beginning = file.read(_BEGINNING)
    except OSError:
        return False
    return any(sign.search(beginning) for sign in _SIGNS)


class AxJson(AxSource):
    """The experiment of one file, under the key that it is given (the file's name without its ending)."""

    live = False

    def __init__(self, path: Path, key: str | None = None) -> None:
        self.path, self.key, self.public = path, key or path.stem, str(path)

    @property
    def single(self) -> str:
        """The only key."""
        return self.key

    def summaries(self) -> list[Summary]:
        """The only experiment."""
        try:
            return [self.view(self.key).summary]
        except UserError as error:
            return [unread(self.key, self.path.stem, self.public, str(error)).summary]

    def _name(self, key: str) -> str:
        if key != self.key:
            raise UnknownKeyError(key)
        return self.path.stem

    def _version(self, key: str) -> Version:
        self._name(key)
        try:
            status = self.path.stat()
        except OSError as error:
            return checksum(error.errno)
        return checksum((status.st_mtime_ns, status.st_size, status.st_ino))

    def _load(self, name: str) -> Experiment:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"cannot read '{self.path.name}': {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            problem = "it is empty" if self.path.stat().st_size == 0 else f"it is no whole JSON file ({error})"
            raise UserError(f"cannot read '{self.path.name}': {problem}") from error
        found = content.get("experiment", content) if isinstance(content, dict) else None
        if not isinstance(found, dict) or "Experiment" not in str(found.get("__type")):
            raise UserError(
                f"'{self.path.name}' is no Ax snapshot: write one with Client.save_to_json_file after "
                "configure_experiment"
            )
        from bonag.ax.untrusted import decode

        return decode(found)
