"""Figures as the page's script gets them."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from starlette.responses import Response

from bonag.plots.plot import Plot

# Figures that are kept; one of 5,000 trials takes some 300 kB.
KEPT = 64


def figure_json(plot: Plot) -> str:
    """A plotly figure as JSON, with ``summary`` beside ``data`` and ``layout``."""
    text: str = plot.figure.to_json()
    return f'{{"summary":{json.dumps(plot.summary)},{text.lstrip()[1:]}'


def versioned(plot: Plot) -> Response:
    """A figure whose address names its version, so that a browser may keep it."""
    return Response(figure_json(plot), media_type="application/json", headers={"cache-control": "max-age=600"})


class FigureCache:
    """Figures by what they show; many pages that show the same one have it made once."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._made: OrderedDict[Hashable, str] = OrderedDict()

    def response(self, key: Hashable, make: Callable[[], Plot]) -> Response:
        """The figure of this key, made if need be; the key must hold the stamps of all that it shows."""
        with self._lock:
            text = self._made.get(key)
            if text is None:
                # One at a time: the processor is the search's.
                text = self._made[key] = figure_json(make())
            self._made.move_to_end(key)
            while len(self._made) > self._kept:
                self._made.popitem(last=False)
        return Response(text, media_type="application/json")
