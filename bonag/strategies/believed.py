"""How published methods judge: by the order of the trials, and on the best that their model believes in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from bonag.acquisition.improvement import LogExpectedImprovement
from bonag.predictors.posterior import ExactPosterior
from bonag.scores import rank_gaussianise
from loops.history import History
from loops.objective import Objective
from loops.protocols import Acquisition
from search_spaces import SearchSpace


class Process(Protocol):
    """A predictor that is an exact Gaussian process."""

    def fit(self, codes: np.ndarray, scores: np.ndarray) -> ExactPosterior:
        """codes: (n, S), in the order of evaluation. scores: (n,), larger is better."""
        ...


@dataclass(frozen=True)
class BelievedWorth:
    """Expected improvement on the best mean that the model has of what was evaluated: measurements are noisy."""

    model: ExactPosterior
    codes: np.ndarray
    acquisition: Acquisition

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B,), larger is better."""
        return self.acquisition(self.model.predict(codes), self.incumbent)

    @cached_property
    def incumbent(self) -> float:
        """The score to improve on."""
        return float(self.model.predict(self.codes).mean.max())

    def after(self, codes: np.ndarray) -> BelievedWorth:
        """The same once the (k, S) codes are evaluated and turn out as expected."""
        if len(codes) == 0:
            return self
        return BelievedWorth(self.model.after(codes), np.concatenate([self.codes, codes]), self.acquisition)

    def note(self) -> dict[str, object]:
        """Nothing that a trial should say of it."""
        return {}


@dataclass(frozen=True)
class BelievedSurrogate:
    """One model of the trials' order by the objective, whatever its goals and constraints."""

    space: SearchSpace
    objective: Objective
    process: Process
    acquisition: Acquisition = field(default_factory=LogExpectedImprovement)

    def fit(self, history: History, seed: int) -> BelievedWorth:
        """What evaluations are worth after a history with completed trials; nothing is random."""
        codes = self.space.codes([trial.architecture for trial in history.completed])
        scores = rank_gaussianise(self.objective.scores(history))
        return BelievedWorth(self.process.fit(codes, scores), codes, self.acquisition)
