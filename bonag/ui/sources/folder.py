"""Runs in a folder and the folders below it, and Ax snapshots beside them."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bonag.record.editing import Place
from bonag.record.folder import is_run
from bonag.ui.background.growing import Growing
from bonag.ui.source import Source, Summary, UnknownKeyError, View
from bonag.ui.sources.ax_stores import AxJson, is_snapshot
from bonag.ui.sources.run_folder import RunFolder

if TYPE_CHECKING:
    from bonag.ax.reading import Experiment

# Levels below the folder on which runs are looked for, and folders that are looked into at most.
LEVELS = 3
MOST = 5000
# Seconds for which the list of what is there holds.
FRESH = 1.0


class FolderSource(Source):
    """The runs and Ax snapshots of a folder, which may itself be a run. Links are not followed.

    Keys are the paths below the folder, their parts joined by ``~``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._lock = threading.Lock()
        self._looked = -FRESH
        self._found: dict[str, Source] = {}
        self._growing: Growing | None = None

    def __reduce__(self) -> tuple[type[FolderSource], tuple[Path]]:
        # The caches and the locks stay here.
        return FolderSource, (self.root,)

    def read_in_background(self, growing: Growing) -> None:
        """See ``Source``."""
        self._growing = growing

    @property
    def single(self) -> str | None:
        """The key of the only run, where the folder is itself a run."""
        return next((key for key in self._look() if key == _key(self.root, self.root)), None)

    def summaries(self) -> list[Summary]:
        """All that is there now, in the order of the keys."""
        return [summary for one in self._look().values() for summary in one.summaries()]

    def stamp(self, key: str) -> Hashable:
        """See ``Source``."""
        return self._one(key).stamp(key)

    def view(self, key: str, before: View | None = None) -> View:
        """See ``Source``."""
        return self._one(key).view(key, before)

    def experiment(self, key: str) -> Experiment:
        """See ``Source``."""
        return self._one(key).experiment(key)

    def place(self, key: str) -> Place:
        """See ``Source``."""
        return self._one(key).place(key)

    def look_again(self, key: str) -> None:
        """See ``Source``."""
        with suppress(UnknownKeyError):
            self._one(key).look_again(key)
        self._looked = -FRESH

    def _one(self, key: str) -> Source:
        try:
            return self._look()[key]
        except KeyError:
            raise UnknownKeyError(key) from None

    def _look(self) -> dict[str, Source]:
        with self._lock:
            if time.monotonic() - self._looked >= FRESH:
                now: dict[str, Source] = {}
                for path, is_run in _walk(self.root):
                    key = _key(self.root, path)
                    # What was there before keeps what it has read.
                    now[key] = self._found.get(key) or self._open(key, path, is_run)
                self._found = dict(sorted(now.items()))
                self._looked = time.monotonic()
            return self._found

    def _open(self, key: str, path: Path, is_run: bool) -> Source:
        opened: Source = RunFolder(self.root, path, key) if is_run else AxJson(path, key)
        if self._growing is not None:
            opened.read_in_background(self._growing)
        return opened


def _walk(root: Path) -> Iterator[tuple[Path, bool]]:
    """Runs' folders (True) and Ax snapshots (False)."""
    places = [(root, 0)]
    for _ in range(MOST):
        if not places:
            return
        place, level = places.pop()
        try:
            with os.scandir(place) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        names = {entry.name for entry in inside}
        if is_run(names):
            yield place, True
            continue
        for entry in inside:
            # A folder that is being made has a name with a dot before it.
            if entry.name.startswith(".") or entry.is_symlink():
                continue
            if entry.is_dir():
                if level < LEVELS:
                    places.append((Path(entry.path), level + 1))
            elif entry.name.endswith(".json") and entry.is_file() and is_snapshot(Path(entry.path)):
                yield Path(entry.path), False


def _key(root: Path, path: Path) -> str:
    return "~".join(_plain(part) for part in path.relative_to(root).parts or (root.name or "root",))


def _plain(name: str) -> str:
    """The name, if an address can hold it as it is; else what is left of it, and a number that tells it from others."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return plain if plain == name else f"{plain}-{digest}"
