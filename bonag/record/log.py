"""The run's log: what happened when, for people. Nothing ever reads it back."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path


class RunLog:
    """Appends lines with their time. Fails silently, because the record alone must never be wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, line: str) -> None:
        """One line more."""
        with suppress(OSError), self.path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}\n")
