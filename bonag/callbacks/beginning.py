"""What a callback may know of a run before its events come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loops.config import RunConfig
from loops.history import History
from search_spaces import SearchSpace


@dataclass(frozen=True)
class Beginning:
    """A run that is about to start, or to go on.

    path: its folder. history: the trials so far, those that are known already included.
    """

    path: Path
    config: RunConfig
    space: SearchSpace
    history: History
