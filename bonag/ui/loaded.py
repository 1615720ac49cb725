"""What the background process has read of an experiment, kept for its next piece of work."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from bonag.ui.source import Source
from bonag.ui.view import View

if TYPE_CHECKING:
    from ax import Client

# An experiment of 5,000 trials takes some 50 MB with Ax.
_KEPT = 6
_read: OrderedDict[tuple[Hashable, ...], Any] = OrderedDict()


def loaded_view(source: Source, key: str, stamp: Hashable) -> View:
    """The source's view, read once for each stamp; raises as ``Source.view``. Not safe from several threads."""
    view: View = loaded(("view", key, stamp), source, lambda: source.view(key))
    return view


def loaded_client(source: Source, key: str, stamp: Hashable) -> Client:
    """The source's Ax client, read once for each stamp; raises as ``Source.client``. Not safe from several threads."""
    client: Client = loaded(("client", key, stamp), source, lambda: source.client(key))
    return client


def loaded(name: tuple[Hashable, ...], source: Source, make: Callable[[], Any]) -> Any:
    """What ``make`` gives, made once for each name and source, as long as it is among the latest few."""
    place = (*name, pickle.dumps(source))
    if place not in _read:
        _read[place] = make()
    _read.move_to_end(place)
    while len(_read) > _KEPT:
        _read.popitem(last=False)
    return _read[place]
