"""The files that a trial's evaluation left in the trial's folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bonag.ui.source import View
from loops.trial_folder import OUTPUT, TRIALS

# Files that are listed, and levels of folders that are looked into.
MOST, LEVELS = 200, 4
CHUNK = 1 << 20
# Lines of the output that are shown, and bytes in which they are looked for.
LINES, END = 40, 1 << 14
# Never through a link, and never waiting for whoever writes into a pipe.
_INTO = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Kept:
    """A file. name: its path below the trial's folder. size: in bytes."""

    name: str
    size: int

    @property
    def shown_size(self) -> str:
        """How large it is, in words."""
        return f"{self.size / 1e6:.1f} MB" if self.size >= 1e5 else f"{self.size / 1e3:.1f} kB"


@dataclass(frozen=True)
class KeptFiles:
    """The first files by name. more: whether there are others."""

    files: list[Kept]
    more: bool


def kept_files(view: View, index: int) -> KeptFiles:
    """What lies in the trial's folder; nothing for a run that is in no folder. Links are left out."""
    folder = _folder(view)
    if folder is None:
        return KeptFiles([], False)
    found: list[Kept] = []
    with suppress(OSError):
        place = _enter(folder, (TRIALS, str(index)))
        try:
            for file in _walk(place, "", 0):
                if len(found) == MOST:
                    return KeptFiles(found, True)
                found.append(file)
        finally:
            os.close(place)
    return KeptFiles(found, False)


def open_kept(view: View, index: int, name: str) -> tuple[int, int]:
    """A descriptor of a regular file of the trial's folder, and its size; raises OSError for whatever else it is."""
    folder, parts = _folder(view), name.split("/")
    if folder is None or any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise FileNotFoundError(name)
    place = _enter(folder, (TRIALS, str(index), *parts[:-1]))
    try:
        file = os.open(parts[-1], _READ, dir_fd=place)
    finally:
        os.close(place)
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        os.close(file)
        raise FileNotFoundError(name)
    return file, status.st_size


def read_kept(file: int, size: int) -> Iterator[bytes]:
    """The first ``size`` bytes of a file, which may grow, in pieces; it is closed behind them."""
    with os.fdopen(file, "rb") as opened:
        while size > 0 and (piece := opened.read(min(CHUNK, size))):
            size -= len(piece)
            yield piece


def end_of_output(view: View, index: int) -> str | None:
    """The last lines that the trial's evaluation printed so far, if it is in a folder of its own and printed any."""
    with suppress(OSError):
        file, size = open_kept(view, index, OUTPUT)
        with os.fdopen(file, "rb") as opened:
            opened.seek(max(0, size - END))
            lines = opened.read(END).decode("utf-8", "replace").splitlines()
        # What the beginning cut is no line.
        return "\n".join(lines[size > END :][-LINES:]) or None
    return None


def _folder(view: View) -> Path | None:
    return None if view.config is None or "://" in view.where else Path(view.where)


def _enter(folder: Path, parts: tuple[str, ...]) -> int:
    """A descriptor of a folder below a run's, reached through no link."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in parts:
        try:
            inner = os.open(part, _INTO, dir_fd=place)
        finally:
            os.close(place)
        place = inner
    return place


def _walk(place: int, prefix: str, level: int) -> Iterator[Kept]:
    with os.scandir(place) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    for entry in inside:
        if entry.is_file(follow_symlinks=False):
            yield Kept(prefix + entry.name, entry.stat(follow_symlinks=False).st_size)
        elif entry.is_dir(follow_symlinks=False) and level < LEVELS:
            with suppress(OSError):
                inner = os.open(entry.name, _INTO, dir_fd=place)
                try:
                    yield from _walk(inner, f"{prefix}{entry.name}/", level + 1)
                finally:
                    os.close(inner)
