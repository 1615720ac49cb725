"""The ending of an error message about a wrong name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(word: str, choices: Iterable[str]) -> str:
    """``did you mean 'x'?`` for the nearest choice, else all the choices."""
    choices = list(choices)
    near = get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(choices)}"
