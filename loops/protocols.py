"""The roles that a loop needs filled: it knows its parts by these, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from loops.history import History, Trial
from search_spaces import Architecture


@dataclass(frozen=True)
class Proposal:
    """An architecture to evaluate next, and how it came about (JSON values; ``origin`` names the step)."""

    architecture: Architecture
    provenance: Mapping[str, Any] = field(default_factory=dict)


class Strategy(Protocol):
    """Decides what to evaluate next, as a pure function: no state, no randomness but ``rng``."""

    @property
    def name(self) -> str:
        """What the strategy is called on the command line."""
        ...

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n distinct architectures, none of them in the history; fewer only if the space has no more."""
        ...


class Evaluator(Protocol):
    """Architecture -> metrics.

    metrics: the names that every result holds.
    description: one plain paragraph on what the numbers are and are not.
    """

    metrics: tuple[str, ...]
    description: str

    def evaluate(self, architecture: Architecture, seed: int) -> dict[str, float]:
        """The metrics; any exception is a failed trial. ``seed`` drives whatever is random in a measurement."""
        ...


@dataclass(frozen=True)
class Job:
    """One evaluation to run: trial index, architecture and the seed of that trial."""

    index: int
    architecture: Architecture
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What became of a job: metrics, or the reason of its failure."""

    index: int
    metrics: Mapping[str, float] | None
    reason: str | None
    seconds: float


class Executor(Protocol):
    """Runs evaluations somewhere."""

    def run(self, evaluator: Evaluator, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield one outcome per job as it ends, in any order; an exception in an evaluation is an outcome.

        A job is taken from ``jobs`` only when it can start, because they may run out early.
        """
        ...

    def close(self) -> None:
        """Free what the executor holds."""
        ...


class Recorder(Protocol):
    """The one store of trials; each call is one transaction."""

    def history(self) -> History:
        """All trials so far."""
        ...

    def add(self, trials: Sequence[Trial]) -> None:
        """Write new trials, before their evaluation starts."""
        ...

    def finish(self, trial: Trial) -> None:
        """Write how a running trial ended."""
        ...
