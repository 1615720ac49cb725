"""Views that are read once for all pages that show them."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass, field

from cachetools import LRUCache

from bonag.ui.source import Source, View

# Seconds for which an answer counts as new, so that many open pages ask a run's store no more often than one.
FRESH = 1.0
# Views in memory at a time; one of 5,000 trials takes some 10 MB.
KEPT = 24


@dataclass
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: float = -FRESH
    stamp: Hashable = None
    view: View | None = None
    read: Hashable = None


class ViewCache:
    """The views of a source. A run's store is asked at most once a second, and only what is new is read."""

    def __init__(self, source: Source, fresh: float = FRESH, kept: int = KEPT) -> None:
        self._source, self._fresh = source, fresh
        self._lock = threading.Lock()
        self._entries: LRUCache[str, _Entry] = LRUCache(kept)

    def stamp(self, key: str) -> Hashable:
        """The source's stamp, at most a second old; raises UnknownKeyError."""
        entry = self._entry(key)
        with entry.lock:
            return self._stamp(key, entry)

    def get(self, key: str) -> View:
        """The view, at most a second old; raises UnknownKeyError, or UserError if it cannot be read."""
        entry = self._entry(key)
        with entry.lock:
            stamp = self._stamp(key, entry)
            if entry.view is None or entry.read != stamp:
                entry.view = self._source.view(key, entry.view)
                entry.read = stamp
            return entry.view

    def _entry(self, key: str) -> _Entry:
        with self._lock:
            return self._entries.setdefault(key, _Entry())

    def _stamp(self, key: str, entry: _Entry) -> Hashable:
        if time.monotonic() - entry.asked >= self._fresh:
            # Taken before the view is read: what changes in between is read again, and never missed.
            entry.stamp = self._source.stamp(key)
            entry.asked = time.monotonic()
        return entry.stamp
