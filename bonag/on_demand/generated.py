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
class Drawn:
    """What was drawn for what is given out, before doubles and those not as asked were left out.

    asked: how many architectures were asked for. count: how many were drawn; evaluated: how many different ones were
    evaluated. unique: the share of different ones. meets, meets_all: the share that meets each wish, and all.
    """

    asked: int
    count: int
    evaluated: int
    unique: float
    meets: Mapping[str, float]
    meets_all: float


@dataclass(frozen=True)
class Generated:
    """Generated architectures, and what is true of them.

    family, method, seed: how they were made. model: the generator's file, None where nothing had to be learnt.
    training: the record of its training. wishes: what was asked for, shares with their bounds. strengths: of the
    guidance, by metric.
    values: (n,) of every metric, nan where there is no value. measured_by: the evaluator and its task. description:
    what its numbers are. raw: (n, S) codes before the projection, none where they were not kept. labels: evaluations
    that the guidance cost.
    seconds: of the sampling alone, for all. drawn: what was drawn for them. units: those that the evaluator declares.
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
    drawn: Drawn
    units: Mapping[str, str]

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
        return frame.astype(dict.fromkeys(set(COUNTED) & set(self.values), np.int64))

    def summary(self) -> dict[str, Any]:
        """The figures: shares between 0 and 1, nan where there is nothing to count.

        asked, drawn, evaluated: how many architectures were asked for, how many were drawn to find them, and how many
        different ones were evaluated. raw_validity: of the samples before the projection. uniqueness, meets, meets_all:
        of those drawn, the distinct ones, and those that meet each of the wishes, and all. validity, novelty, held_out,
        diversity: of those given out, the valid ones, those that the generator was not trained on, those of the tenth
        of the space that no generator is trained on, and the mean number of sites in which two differ. labels,
        labels_in_training: evaluations that guidance and training cost.
        """
        return {
            "asked": self.drawn.asked,
            "drawn": self.drawn.count,
            "evaluated": self.drawn.evaluated,
            "raw_validity": report.valid_share(self.space, self.raw),
            "validity": report.valid_share(self.space, self.space.codes(self.architectures)),
            "uniqueness": self.drawn.unique,
            "novelty": report.novel_share(self.architectures, self._trained_on, self.space),
            "held_out": report.held_out_share(self.architectures),
            "meets": dict(self.drawn.meets),
            "meets_all": self.drawn.meets_all,
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
        count, asked = len(self.architectures), self.drawn.asked
        fewer = f", {asked} were asked for" if count < asked else ""
        return f"Generated({count} architectures of {self.space.name}{fewer}, method {self.method})"

    def _repr_html_(self) -> str:
        from bonag.on_demand.generated_card import generated_card

        return generated_card(self)
