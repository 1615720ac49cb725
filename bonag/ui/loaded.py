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
_KEPT = 4
_read: OrderedDict[tuple[Hashable, ...], Any] = OrderedDict()


def loaded_view(source: Source, key: str, stamp: Hashable) -> View:
    """The source's view, read once for each stamp; raises as ``Source.view``. Not safe from several threads."""
    return _once(("view", pickle.dumps(source), key, stamp), lambda: source.view(key))


def loaded_client(source: Source, key: str, stamp: Hashable) -> Client:
    """The source's Ax client, read once for each stamp; raises as ``Source.client``. Not safe from several threads."""
    return _once(("client", pickle.dumps(source), key, stamp), lambda: source.client(key))


def _once(name: tuple[Hashable, ...], read: Callable[[], Any]) -> Any:
    if name not in _read:
        _read[name] = read()
    _read.move_to_end(name)
    while len(_read) > _KEPT:
        _read.popitem(last=False)
    return _read[name]
