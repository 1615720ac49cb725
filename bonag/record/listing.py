"""All runs of a folder or of a database, each in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bonag.record.address import Address
from bonag.record.database import postgres_reader
from bonag.record.folder import is_run, read_config
from bonag.record.watching import Overview, folder_overview, server_overviews
from search_spaces.errors import UserError

# Levels below a folder on which runs are looked for.
LEVELS = 3


@dataclass(frozen=True)
class Listed:
    """A run, or why it cannot be read.

    name: what tells it from the others: its path below the folder, or its name in the database. at: when it was made,
    seconds since the epoch; of one that cannot be read, when its folder changed last.
    """

    name: str
    where: str
    at: float
    overview: Overview | None
    problem: str | None = None


def runs_in_folder(root: Path) -> list[Listed]:
    """The runs of a folder, which may itself be one, and of the folders below it, newest last."""
    servers: dict[Address, dict[str, Overview | str] | str] = {}
    return sorted((_listed(root, folder, servers) for folder in _run_folders(root)), key=_age)


def runs_in_database(address: Address) -> list[Listed]:
    """The runs of a database, newest last; raises UserError where it cannot be reached, or is none of bonag's."""
    found = server_overviews(postgres_reader(address), address)
    rows = [
        Listed(name, address.public, 0.0, None, one)
        if isinstance(one, str)
        else Listed(name, address.public, one.created_at, one)
        for name, one in found.items()
    ]
    return sorted(rows, key=_age)


def _age(one: Listed) -> tuple[float, str]:
    return one.at, one.name


def _listed(root: Path, folder: Path, servers: dict[Address, dict[str, Overview | str] | str]) -> Listed:
    name = str(folder.relative_to(root)) if folder != root else folder.resolve().name
    try:
        found = _overview(folder, servers)
        return Listed(name, str(folder), found.created_at, found)
    except UserError as error:
        return Listed(name, str(folder), folder.stat().st_mtime, None, str(error))


def _overview(folder: Path, servers: dict[Address, dict[str, Overview | str] | str]) -> Overview:
    config = read_config(folder)
    if config.record is None:
        return folder_overview(folder)
    address = Address.parse(config.record)
    if address not in servers:
        # Asked once for all runs that it holds, also where it does not answer.
        try:
            servers[address] = server_overviews(postgres_reader(address), address)
        except UserError as error:
            servers[address] = str(error)
    runs = servers[address]
    found = runs if isinstance(runs, str) else runs.get(config.name, f"{address.public} holds no run '{config.name}'")
    if isinstance(found, str):
        raise UserError(found)
    return found


def _run_folders(root: Path) -> Iterator[Path]:
    """Folders of runs; links, and folders that are being made, are left out."""
    for place, inside, files in os.walk(root):
        path = Path(place)
        if is_run({*inside, *files}):
            inside.clear()
            yield path
        elif len(path.relative_to(root).parts) >= LEVELS:
            inside.clear()
        inside[:] = [name for name in inside if not name.startswith(".")]
