"""One run in its folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from bonag.record.address import Address
from bonag.record.editing import Place
from bonag.record.folder import CONFIG, DATABASE, LOCK, read_config
from bonag.record.reading import RunSnapshot, read_record
from bonag.record.watching import folder_overview, folder_stamp
from bonag.ui.source import Summary, UnknownKeyError, View
from bonag.ui.sources.postgres import PostgresSource
from bonag.ui.sources.runs import RunSource, known_of, summary_of, unreadable_summary, view_of
from loops.config import RunConfig
from search_spaces.errors import UserError

# Seconds that the list of runs waits for a server; its answer comes with the next look.
PATIENCE = 0.3
_Result = TypeVar("_Result")
_servers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="record-server")


@lru_cache(maxsize=32)
def _server(address: Address) -> PostgresSource:
    return PostgresSource(address)


class RunFolder(RunSource):
    """A source of one run, whose record is in the folder or in a server that ``config.json`` names."""

    def __init__(self, root: Path, folder: Path, key: str) -> None:
        self._root, self._folder, self._key = root, folder, key
        self._lock = threading.Lock()
        self._summarised: tuple[Hashable, Summary] | None = None
        self._asked: Future[Summary] | None = None

    def summaries(self) -> list[Summary]:
        """The only run."""
        try:
            config = self._config()
            return [self._from_folder() if config.record is None else self._from_server(config)]
        except UserError as error:
            return [self._unreadable_summary(str(error))]

    def stamp(self, key: str) -> Hashable:
        """See ``Source``. Of a server that cannot be reached, the same until it can."""
        try:
            config = self._config()
            if config.record is not None:
                return folder_stamp(self._folder), _server(Address.parse(config.record)).stamp(config.name)
        except UserError as error:
            return folder_stamp(self._folder), str(error)
        except UnknownKeyError:
            return folder_stamp(self._folder), "the server holds no such run"
        return folder_stamp(self._folder)

    def view(self, key: str, before: View | None = None) -> View:
        """See ``Source``."""
        config = self._config()
        if config.record is not None:
            # Asks the server only if it answered lately, where ``read_record`` would wait for it.
            _server(Address.parse(config.record)).stamp(config.name)
        snapshot: RunSnapshot = _twice(lambda: read_record(self._folder, known=known_of(before)))
        return view_of(self._key, snapshot, str(self._folder))

    def place(self, key: str) -> Place:
        """See ``Source``."""
        config = self._config()
        return Place(config.name, self._folder, Address.parse(config.record) if config.record else None)

    def look_again(self, key: str) -> None:
        """See ``Source``."""
        with suppress(UserError):
            config = self._config()
            if config.record is not None:
                _server(Address.parse(config.record)).look_again(config.name)

    def _config(self) -> RunConfig:
        """The configuration, once it is sure that no file of the run is a link to elsewhere; raises UserError."""
        for name in (CONFIG, DATABASE, f"{DATABASE}-wal", LOCK):
            path = self._folder / name
            if path.is_symlink() and not path.resolve().is_relative_to(self._root):
                raise UserError(f"{path} is a link that leads out of {self._root}, and is not followed")
        return read_config(self._folder)

    def _from_folder(self) -> Summary:
        stamp = folder_stamp(self._folder)
        with self._lock:
            if self._summarised is None or self._summarised[0] != stamp:
                try:
                    found = summary_of(self._key, _twice(lambda: folder_overview(self._folder)))
                except UserError as error:
                    found = self._unreadable_summary(str(error))
                self._summarised = stamp, found
            return self._summarised[1]

    def _from_server(self, config: RunConfig) -> Summary:
        server = _server(Address.parse(config.record or ""))

        def ask() -> Summary:
            for one in server.summaries():
                if one.name == config.name:
                    return replace(one, key=self._key)
            return self._unreadable_summary(f"{server.address.public} holds no run '{config.name}'")

        with self._lock:
            if self._asked is None:
                self._asked = _servers.submit(ask)
            asked = self._asked
        try:
            found = asked.result(PATIENCE)
        except LateError:
            before = self._summarised
            return before[1] if before else self._unreadable_summary(f"{server.address.public} has not answered yet")
        except UserError as error:
            found = self._unreadable_summary(str(error))
        with self._lock:
            self._asked, self._summarised = None, (None, found)
        return found

    def _unreadable_summary(self, problem: str) -> Summary:
        return unreadable_summary(self._key, self._folder.name, problem)


def _twice(read: Callable[[], _Result]) -> _Result:
    """A run that ends just now takes files away that a reader is about to open; it is then read as an ended one."""
    try:
        return read()
    except UserError:
        return read()
