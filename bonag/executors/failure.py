"""Why an evaluation failed, in one line."""

from __future__ import annotations

LONGEST = 500


def failure_line(error: BaseException) -> str:
    """The kind of the error and the first line of what it says."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def storable(text: str, longest: int = LONGEST) -> str:
    """The text without what a database cannot hold."""
    clean = "".join(one if one.isprintable() else "?" for one in text)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
