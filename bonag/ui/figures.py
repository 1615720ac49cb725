"""Figures as the page's script gets them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import LRUCache, cached
from starlette.responses import Response

from bonag.plots.plot import Plot

Value = TypeVar("Value")
# Figures that are kept; one of 5,000 trials takes some 300 kB.
KEPT = 32


@dataclass(frozen=True)
class Figure:
    """json: a Plotly figure, with ``summary`` beside ``data`` and ``layout``. summary: for those who do not see it."""

    json: str
    summary: str

    def response(self, seconds: int = 0) -> Response:
        """The figure for the page's script; a browser keeps it for so long, where its address names its version."""
        headers = {"cache-control": f"max-age={seconds}"} if seconds else None
        return Response(self.json, media_type="application/json", headers=headers)


@dataclass(frozen=True)
class ByIdentity(Generic[Value]):
    """A value that is told from others by being that one, for it cannot be compared."""

    value: Value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _key(*what: object) -> Hashable:
    return tuple(tuple(sorted(one.items())) if isinstance(one, Mapping) else one for one in what)


@cached(LRUCache(KEPT), _key, condition=threading.Condition())
def draw(function: Callable[..., Plot], *what: Hashable | Mapping[str, str]) -> Figure:
    """``function(*what)``; many pages that show the same have it drawn once."""
    plot = function(*what)
    text: str = plot.figure.to_json()
    return Figure(f'{{"summary":{json.dumps(plot.summary)},{text.lstrip()[1:]}', plot.summary)
