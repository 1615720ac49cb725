"""Where warnings of libraries go while a run shows its progress."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bonag.record.log import RunLog


@contextmanager
def warnings_in(log: RunLog) -> Iterator[None]:
    """Write each warning once, into the run's log: users see results, and those who look for trouble find it."""
    seen: set[str] = set()

    def write(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        text = f"{category.__name__}: {' '.join(str(message).split())} ({filename}:{lineno})"
        if text not in seen:
            seen.add(text)
            log.write(text)

    with warnings.catch_warnings():
        warnings.showwarning = write
        yield
