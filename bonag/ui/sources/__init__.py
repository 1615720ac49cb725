"""What the argument of ``bonag ui`` means."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from bonag.record.address import Address
from bonag.record.folder import CONFIG, DATABASE, find_run
from bonag.ui.source import Source
from bonag.ui.sources.ax_stores import AxJson, AxSql, is_snapshot, is_store
from bonag.ui.sources.folder import FolderSource
from bonag.ui.sources.postgres import PostgresSource
from search_spaces.errors import UserError

RESULTS = Path("results")


def open_source(text: str) -> Source:
    """The source for a run (its folder, or its name in results/), a folder of runs, an Ax snapshot or a database's URL.

    Little is read yet. Raises UserError for what is none of these; it suggests the nearest run.
    """
    if text.startswith("postgres"):
        scheme = text.partition(":")[0]
        if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
            address = Address.parse(text)
            source = PostgresSource(address)
            if is_store(address) and not source.holds_runs():
                return AxSql(address)
            source.summaries()
            return source
    if text.startswith("sqlite:"):
        return _file(_sqlite_path(text))
    path = Path(text)
    if path.is_file():
        return _file(path)
    if path.is_dir() or path == RESULTS:
        return FolderSource(path)
    if "://" in text:
        raise UserError("a database's address begins with postgresql:// or sqlite:///")
    return FolderSource(find_run(text))


def first_page(source: Source) -> str:
    """The path of the page that shows what was asked for: a run's own if it is a single one, else the list."""
    key = source.single
    return "/" if key is None else f"/runs/{quote(key)}"


def _file(path: Path) -> Source:
    if not path.is_file():
        raise UserError(f"{path} is no file")
    if path.name == DATABASE and (path.parent / CONFIG).is_file():
        return FolderSource(path.parent)
    if is_snapshot(path):
        return AxJson(path)
    if path.suffix == ".json":
        raise UserError(f"{path} is no Ax snapshot: write one with Client.save_to_json_file")
    if is_store(path):
        return AxSql(path)
    raise UserError(f"{path} holds no experiment of Ax; for a run of bonag name its folder")


def _sqlite_path(text: str) -> Path:
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    if url is None or not url.database:
        raise UserError("a SQLite file's address must be like sqlite:///folder/file.db")
    return Path(url.database)
