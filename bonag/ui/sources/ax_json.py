"""Ax experiments in JSON files: what ``Client.save_to_json_file`` and its forerunners wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bonag.ui.source import UnknownKeyError
from bonag.ui.sources.ax_reading import BackgroundReading
from bonag.ui.sources.ax_untrusted import decoded
from bonag.ui.sources.ax_view import unread, view_of
from bonag.ui.view import Summary, View
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from ax import Client

    from bonag.ui.jobs import Jobs

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


class AxJson:
    """The experiment of one file, under the key that it is given (the file's name without its ending).

    Only an experiment is read: a generation strategy, which could be of a class of somebody's own, is not needed. With
    jobs (``read_by``) the background process reads, as Ax takes seconds to import; without, this process does.
    """

    def __init__(self, path: Path, key: str | None = None) -> None:
        self.path, self.key = path, key or path.stem
        self._reading: BackgroundReading | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The background process reads by itself.
        return {"path": self.path, "key": self.key, "_reading": None}

    def read_by(self, jobs: Jobs) -> None:
        """Have the background process read from now on."""
        self._reading = BackgroundReading(AxJson(self.path, self.key), str(self.path), jobs)

    def summaries(self) -> list[Summary]:
        """The only experiment."""
        try:
            return [self.view(self.key).summary]
        except UserError as error:
            return [unread(self.key, self.path.stem, str(self.path), str(error)).summary]

    def stamp(self, key: str) -> Hashable:
        """Changes with the file, and when it was read."""
        version = self._version(key)
        return version, self._reading is not None and self._reading.over(key, version)

    def view(self, key: str) -> View:
        """The experiment; a placeholder while the background process reads. Raises UnknownKeyError and UserError."""
        version = self._version(key)
        if self._reading is not None:
            return self._reading.view(key, version, self.path.stem, str(self.path))
        try:
            return view_of(self._experiment(), key, self.path.stem, str(self.path), live=False)
        except UserError:
            raise
        except Exception as error:  # whatever Ax makes of what it did not write
            raise self._foreign(error) from error

    def client(self, key: str) -> Client:
        """A client with the experiment, without a generation strategy; raises as ``view``."""
        from ax import Client

        self._version(key)
        client = Client()
        try:
            client.set_experiment(self._experiment())
        except UserError:
            raise
        except Exception as error:
            raise self._foreign(error) from error
        return client

    def _version(self, key: str) -> Hashable:
        if key != self.key:
            raise UnknownKeyError(key)
        try:
            status = self.path.stat()
        except OSError as error:
            return error.errno
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _experiment(self) -> Any:
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
        return decoded(found)

    def _foreign(self, error: Exception) -> UserError:
        from importlib.metadata import version

        problem = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return UserError(f"Ax {version('ax-platform')} cannot read '{self.path.name}': {problem}")
