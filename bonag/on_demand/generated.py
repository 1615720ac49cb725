"""What a generation gave: architectures, what is true of each, and of all together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bonag.generators.split import training_pool
from bonag.on_demand import report
from loops.constraint import Constraint, meet_all
from search_spaces import Architecture, SearchSpace
from search_spaces.architecture import COUNTED

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Generated:
    """Generated architectures, and what is true of them.

    family, method, seed: how they were made. model: the generator's file, None where nothing had to be learnt.
    training: the record of its training. wishes: what was asked for, shares with their bounds. strengths: of the
    guidance, by metric.
    values: (n,) of every metric, nan where there is no value. measured_by: the evaluator and its task. description:
    what its numbers are. raw: (n, S) codes before the projection, none where they were not kept. labels: evaluations
    that the guidance cost.
    seconds: of the sampling alone, for all.
    """

    space: SearchSpace
    family: str
    method: str
    seed: int
    model: Path | None
    training: Mapping[str, Any]
    wishes: tuple[Constraint, ...]
    strengths: Mapping[str, float]
    architectures: list[Architecture]
    values: Mapping[str, np.ndarray]
    measured_by: str
    description: str
    raw: np.ndarray
    labels: int
    seconds: float

    @property
    def meets(self) -> np.ndarray:
        """(n,) bool: which architectures meet all wishes; all do where there are none."""
        return meet_all(self.wishes, self.values.__getitem__, len(self.architectures))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per architecture: ``architecture`` (its string), every metric, ``meets``."""
        import pandas as pd

        names = [str(architecture) for architecture in self.architectures]
        frame = pd.DataFrame({"architecture": names} | dict(self.values) | {"meets": self.meets})
        return frame.astype(dict.fromkeys(COUNTED, np.int64))

    def summary(self) -> dict[str, Any]:
        """The figures: shares between 0 and 1, nan where there is nothing to count.

        raw_validity, validity: of the samples before and after the projection. uniqueness: distinct ones. novelty,
        held_out: of the distinct ones, those that the generator was not trained on, and those of the tenth of the space
        that no generator is trained on. meets, meets_all: each of the wishes, and all. diversity: the mean number of
        sites in which two differ. labels, labels_in_training: evaluations that guidance and training cost.
        """
        return {
            "raw_validity": report.valid_share(self.space, self.raw),
            "validity": report.valid_share(self.space, self.space.codes(self.architectures)),
            "uniqueness": report.unique_share(self.architectures),
            "novelty": report.novel_share(self.architectures, self._trained_on, self.space),
            "held_out": report.held_out_share(self.architectures),
            "meets": {str(wish): float(wish.met(self.values[wish.metric]).mean()) for wish in self.wishes},
            "meets_all": float(self.meets.mean()) if self.wishes else float("nan"),
            "diversity": report.diversity(self.space.codes(self.architectures)),
            "seconds_per_architecture": self.seconds / len(self.architectures),
            "labels": self.labels,
            "labels_in_training": int(self.training.get("labels", 0)),
            "method": self.method,
        }

    @cached_property
    def _trained_on(self) -> set[bytes]:
        """The codes of the training data, drawn again as they were drawn for the training."""
        if "pool" not in self.training:
            return set()
        codes = training_pool(self.space, int(self.training["seed"]), int(self.training["pool"]))
        return {code.tobytes() for code in codes}

    def __repr__(self) -> str:
        return f"Generated({len(self.architectures)} architectures of {self.space.name}, method {self.method})"
