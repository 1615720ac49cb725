"""What the generators' benchmark is asked to measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bonag.generators.artifact import FAMILIES
from bonag.generators.fitting import Schedule
from search_spaces import get_space
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

TABLES = ("sampling", "training", "validity", "distribution", "guided", "conditions", "novelty", "candidates")


@dataclass(frozen=True)
class Sizes:
    """How much is drawn for one figure of one seed.

    batch: timed, or guided, together. labels, pair_labels: that guide by one wish, and by two. unguided: samples judged
    for validity and novelty. distribution: samples compared with the space; full: of the full chain, which is slow.
    reference: uniform samples that stand for a space that cannot be enumerated. draws: of uniform samples, for their
    noise. history: evaluated architectures that an acquisition is fitted on. scored: graphs that a search for
    candidates may score where there is no particle search to be compared with. schedule: of trainings.
    """

    batch: int = 256
    labels: int = 200
    pair_labels: int = 781
    unguided: int = 1000
    distribution: int = 10_000
    full: int = 1024
    reference: int = 200_000
    draws: int = 20
    history: int = 60
    scored: int = 1000
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True)
class Plan:
    """spaces, families: which generators. seeds: of every figure that is random. train: train generators anew.

    data: folder of benchmark tables. model: a generator of nb201 that was trained with the conditions. tables: which of
    ``TABLES``. Raises UserError for what there is not.
    """

    spaces: Sequence[str] = ("nb201", "mbv3")
    families: Sequence[str] = FAMILIES
    seeds: int = 5
    train: bool = False
    data: Path | None = None
    model: Path | None = None
    tables: Sequence[str] = TABLES
    sizes: Sizes = field(default_factory=Sizes)

    def __post_init__(self) -> None:
        for name in self.spaces:
            get_space(name)
        for kind, names, known in (("generator", self.families, FAMILIES), ("table", self.tables, TABLES)):
            for name in names:
                if name not in known:
                    raise UserError(f"unknown {kind} '{name}': {suggestion(name, known)}")
