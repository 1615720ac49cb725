"""The ending of an error message about a wrong name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

# How alike two names must be, as difflib measures it; below that a guess misleads.
ALIKE = 0.6
# Choices that are asked for by name.
FEW = 4


def suggestion(word: str, choices: Iterable[str]) -> str:
    """``did you mean 'x'?`` for what begins with the word, else for the nearest choice; else all the choices.

    Case is no difference. What begins with the word comes first: ``acc`` is meant for accuracy, and not for macs.
    """
    choices = list(choices)
    begun = _begun(word, choices)
    if begun and len(begun) <= FEW:
        return f"did you mean {' or '.join(repr(one) for one in begun)}?"
    if begun:
        return f"choose from {', '.join(begun)}"
    plain = {choice.casefold(): choice for choice in reversed(choices)}
    near = get_close_matches(word.casefold(), plain, n=1, cutoff=ALIKE)
    return f"did you mean '{plain[near[0]]}'?" if near else f"choose from {', '.join(choices)}"


def _begun(word: str, choices: Sequence[str]) -> list[str]:
    """The choices that begin with the word; the shortest alone where all others begin with it."""
    found = [one for one in choices if word and one.casefold().startswith(word.casefold())]
    shortest = min(found, key=len, default="")
    return [shortest] if found and all(one.startswith(shortest) for one in found) else found
