"""A fitted model of real architectures, and what it says of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bonag.acquisition.metric_models import LearnedMetric, MetricFitter
from loops.history import History, Trial, TrialStatus
from loops.protocols import Prediction
from search_spaces import SearchSpace, get_space


@dataclass(frozen=True)
class Fitted:
    """A model, what it was fitted on, and its prediction for architectures that it has not seen."""

    space: SearchSpace
    model: LearnedMetric
    seen: np.ndarray
    values: np.ndarray
    unseen: np.ndarray
    prediction: Prediction

    @property
    def mean(self) -> np.ndarray:
        return self.prediction.mean

    @property
    def spread(self) -> np.ndarray:
        return self.prediction.stddev

    def history(self, codes: np.ndarray, **metrics: np.ndarray) -> History:
        """Completed trials of these codes."""
        return History(
            Trial(
                index,
                self.space.decode(self.space.graph(code)),
                TrialStatus.COMPLETED,
                {name: float(values[index]) for name, values in metrics.items()},
            )
            for index, code in enumerate(codes)
        )


@pytest.fixture(scope="session")
def fitted() -> Fitted:
    space = get_space("nb201")
    architectures = list(dict.fromkeys(space.sample(200, np.random.default_rng(0))))
    ops = space.codes(architectures)
    values = np.array([float(space.costs(a).macs) for a in architectures[:30]])
    model = MetricFitter(space, "speed", 1.0).fit(ops[:30], values)
    assert isinstance(model, LearnedMetric)
    return Fitted(space, model, ops[:30], values, ops[30:], model.predict(ops[30:]))
