"""Versions of growing work in addresses, so that a figure's address names what it shows."""

from __future__ import annotations

from starlette.exceptions import HTTPException

from bonag.ui.insight.growing import Version


def read_version(text: str) -> Version:
    """The inverse of ``written_version``; raises HTTPException (404) for anything else."""
    first, _, second = text.partition("-")
    if not (text.isascii() and first.isdecimal() and second.isdecimal() and len(text) < 40):
        raise HTTPException(404)
    return int(first), int(second)


def written_version(version: Version) -> str:
    """A version as it stands in an address."""
    return f"{version[0]}-{version[1]}"
