"""What is believed of each metric of an objective: a model of it, or its exact count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bonag.acquisition.scales import Scale
from bonag.predictors.fitting import ModelFitter
from bonag.predictors.mixture import ArchitectureModel
from bonag.predictors.targets import TAILS, model_scores
from search_spaces import SearchSpace

# What every space counts without an evaluation.
COUNTED = ("params", "macs")
# Of counts, in scores: not nothing, so that those who miss a bound by more are told from those who miss it by less.
COUNTED_SPREAD = 1e-3


class MetricModel(Protocol):
    """A Gaussian per architecture on the scores of ``scale``, which grow with the metric times ``sign``."""

    @property
    def sign(self) -> float:
        """1 or -1."""
        ...

    @property
    def scale(self) -> Scale:
        """Between the metric's unit and scores."""
        ...

    @property
    def exact(self) -> bool:
        """Whether the mean is the truth."""
        ...

    def predict(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations of the scores of (B, S) codes: (B,), (B,)."""
        ...

    def after(self, codes: np.ndarray) -> MetricModel:
        """The model as if the (k, S) codes had turned out as it expects."""
        ...


@dataclass(frozen=True)
class LearnedMetric:
    """A model on scores, and the fitter that made it."""

    sign: float
    fitter: ModelFitter
    model: ArchitectureModel
    scale: Scale
    exact: bool = False

    def predict(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``MetricModel``."""
        return self.model.predict(codes)

    def after(self, codes: np.ndarray) -> LearnedMetric:
        """See ``MetricModel``."""
        return LearnedMetric(self.sign, self.fitter, self.fitter.imagined(self.model, codes), self.scale)


@dataclass(frozen=True)
class CountedMetric:
    """A cost that the space counts: ``count`` maps (B, S) codes to (B,) values, times the sign."""

    sign: float
    count: Callable[[np.ndarray], np.ndarray]
    scale: Scale
    exact: bool = True

    def predict(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``MetricModel``."""
        return self.scale.to_scores(self.count(codes)), np.full(len(codes), COUNTED_SPREAD)

    def after(self, codes: np.ndarray) -> CountedMetric:
        """See ``MetricModel``: what is known stays as it is."""
        return self


@dataclass
class MetricFitter:
    """Makes the models of one metric: a pure function of the trials.

    metric: its name. sign: -1 where smaller is better, else 1.
    """

    space: SearchSpace
    metric: str
    sign: float
    predictor: str = "gp"
    device: str = "cpu"

    def __post_init__(self) -> None:
        self._fitter = ModelFitter(self.space, self.predictor, self.device)

    def fit(self, codes: np.ndarray, values: np.ndarray) -> MetricModel:
        """codes: (n, S) codes in the order of evaluation, n > 0. values: (n,) of the metric, as measured."""
        values = self.sign * values
        if self.metric in COUNTED:
            # The evaluator's counts may be those for other classes than the space's default, which adds a constant.
            offsets = values - self._counts(codes)
            if np.ptp(offsets) <= 1e-9 * np.abs(values).max():
                scale = Scale.through(values, model_scores(values, TAILS[-1]))
                return CountedMetric(self.sign, lambda others: self._counts(others) + offsets[0], scale)
        model = self._fitter.fit(codes, values)
        return LearnedMetric(self.sign, self._fitter, model, Scale.through(values, model_scores(values, model.tail)))

    def _counts(self, codes: np.ndarray) -> np.ndarray:
        costs = (self.space.costs(self.space.decode(self.space.graph(code))) for code in codes)
        return self.sign * np.array([getattr(cost, self.metric) for cost in costs], dtype=np.float64)
