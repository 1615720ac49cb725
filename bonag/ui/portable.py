"""What a report may tell of the machine that it was made on: neither home folders, nor paths, nor passwords."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from bonag.record.address import Address
from bonag.ui.source import View
from loops.config import RunConfig
from loops.history import History, Trial
from search_spaces.errors import UserError

_HOMES = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\Users\\)[^/\\\s'\":,;()]+|(?<![\w./-])/root(?=[/\s'\":,;()]|$)")


def portable(view: View) -> View:
    """The same run without what belongs to this machine alone, ready to be given away."""
    return replace(
        view,
        history=History(_trial(trial) for trial in view.history),
        config=None if view.config is None else _config(view.config),
        description=without_home(view.description),
        reason=None if view.reason is None else without_home(view.reason),
        where=_place(view.where),
        notes={trial: replace(note, text=without_home(note.text)) for trial, note in view.notes.items()},
    )


def without_home(text: str) -> str:
    """The text with ``~`` for every home folder."""
    home = str(Path.home())
    if len(home) > 1:
        text = text.replace(home, "~")
    return _HOMES.sub("~", text)


def describe(error: Exception) -> str:
    """What a report says of an error."""
    return without_home(" ".join(f"{type(error).__name__}: {error}".split())[:300])


def last_part(path: str) -> str:
    """The name of a folder or file, of whichever system it is."""
    name = PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name
    return name or path


def _trial(trial: Trial) -> Trial:
    return trial if trial.reason is None else replace(trial, reason=without_home(trial.reason))


def _config(config: RunConfig) -> RunConfig:
    record = None if config.record is None else _place(config.record)
    return replace(config, record=record, data=None if config.data is None else last_part(config.data))


def _place(where: str) -> str:
    if "://" not in where:
        return last_part(where)
    try:
        return Address.parse(where).public
    except UserError:
        return last_part(where)
