"""How far slow work is, for whoever listens."""

from __future__ import annotations

from collections.abc import Callable

_listener: Callable[[str], None] | None = None


def report(text: str) -> None:
    """Say in a few words what the work does just now; where nobody listens, this says nothing."""
    if _listener:
        _listener(text)


def listen(listener: Callable[[str], None]) -> None:
    """Be told from now on, of all work of this process."""
    global _listener
    _listener = listener
