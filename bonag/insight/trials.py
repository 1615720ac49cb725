"""What the insights start from: the measured trials of a metric, and where their random numbers come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loops.history import History
from loops.objective import Objective
from loops.seeding import Purpose
from search_spaces import SearchSpace

# Streams of their own, beside those of the run: nothing that is shown draws what the run draws.
FOLDS, RANDOM_ARCHITECTURES, UNGUIDED = range(len(Purpose), len(Purpose) + 3)


@dataclass(frozen=True)
class Measured:
    """The completed trials of a metric, in the order of their index.

    trials: (n,) indices. codes: (n, S). values: (n,), in the metric's unit. sign: -1 where smaller is better.
    """

    space: SearchSpace
    metric: str
    sign: float
    trials: np.ndarray
    codes: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)


def measured_trials(space: SearchSpace, objective: Objective, history: History, metric: str) -> Measured:
    """The trials with a finite value of a metric of the objective; raises KeyError for another metric."""
    kept = [trial for trial in history.completed if np.isfinite(trial.metrics.get(metric, np.nan))]
    return Measured(
        space,
        metric,
        objective.signs[metric],
        np.array([trial.index for trial in kept], dtype=np.int64),
        space.codes([trial.architecture for trial in kept]),
        np.array([trial.metrics[metric] for trial in kept], dtype=np.float64),
    )


def rng_of(seed: int, trials: int, stream: int) -> np.random.Generator:
    """The random numbers of one thing that is shown of a run with so many trials."""
    return np.random.default_rng(np.random.SeedSequence([seed, trials, stream]))
