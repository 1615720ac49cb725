"""What all pages share."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass, field

from cachetools import LRUCache
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from bonag.ui.background.growing import Growing
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

    def forget(self, key: str) -> None:
        """Ask the store again next time, since the run was changed."""
        self._source.look_again(key)
        self._entry(key).asked = -self._fresh

    def _entry(self, key: str) -> _Entry:
        with self._lock:
            return self._entries.setdefault(key, _Entry())

    def _stamp(self, key: str, entry: _Entry) -> Hashable:
        if time.monotonic() - entry.asked >= self._fresh:
            # Taken before the view is read: what changes in between is read again, and never missed.
            entry.stamp = self._source.stamp(key)
            entry.asked = time.monotonic()
        return entry.stamp


@dataclass(frozen=True)
class Site:
    """A source and what is needed to show it.

    token: that a request must know which changes something, and pages carry; None where nothing may be changed.
    closing: set when the server is about to end.
    """

    source: Source
    views: ViewCache
    growing: Growing
    templates: Jinja2Templates
    token: str | None = None
    closing: threading.Event = field(default_factory=threading.Event)

    def view(self, request: Request) -> View:
        """The run whose key is in the path; raises UnknownKeyError, or UserError if it cannot be read."""
        return self.views.get(request.path_params["key"])

    def page(self, request: Request, template: str, **context: object) -> Response:
        """A template of ``templates/`` with its context, in which ``status`` is the answer's, 200 by default."""
        context["token"] = self.token
        return self.templates.TemplateResponse(request, template, context, int(str(context.get("status", 200))))

    def run_page(self, request: Request, template: str, *, tab: str, **context: object) -> Response:
        """A template that extends ``run_base.html``, for the run whose key is in the path.

        The template gets ``view``, ``summary`` and the rest of the context. tab: name of the tab to mark, as in
        ``run_base.html``. Raises as ``view``; both errors become pages.
        """
        view = self.view(request)
        return self.page(request, template, **{"tab": tab, "view": view, "summary": view.summary} | context)


class _Number(Convertor[int]):
    # Of Starlette's own "int" a number of thousands of digits is an error of the server.
    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


# In a route's path, "{n:number}" is a number of at most 18 digits.
register_url_convertor("number", _Number())
