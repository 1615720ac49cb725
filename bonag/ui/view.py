"""What a page knows of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loops.config import RunConfig
from loops.history import History
from loops.objective import Objective
from search_spaces import SearchSpace


@dataclass(frozen=True)
class Summary:
    """An experiment in one line, made without reading all of it.

    key: by which the source finds it again. kind: what wrote it. state: running, finished, stopped, interrupted, or
    unreadable. objective: its text. best: value of the first goal of the best feasible trial. trials: how many there
    are, of ``budget``. started, ended: seconds since the epoch; ended is the end of the last trial of a run that does
    not run. problem: why it cannot be read, in one line, or None; then what could not be found out is empty.
    """

    key: str
    name: str
    kind: Literal["bonag", "ax"]
    state: str
    space: str | None
    task: str | None
    strategy: str | None
    objective: str
    best: float | None
    trials: int
    budget: int | None
    seed: int | None
    started: float | None
    ended: float | None
    problem: str | None


@dataclass(frozen=True, eq=False)
class View:
    """An experiment as it was at one moment.

    config: None for an experiment that is no run of bonag. space: None for one that searches none of bonag's spaces.
    description: what its numbers are and are not. reason: why it stands where it stands. where: its folder, file or
    database, without secrets.
    """

    summary: Summary
    history: History
    objective: Objective
    space: SearchSpace | None
    config: RunConfig | None
    description: str
    reason: str | None
    where: str
