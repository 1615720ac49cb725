"""Of a metric, what its model believes, in the metric's own unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bonag.acquisition.metric_models import CountedMetric, LearnedMetric, MetricModel
from bonag.predictors.mixture import ArchitectureModel
from bonag.predictors.targets import model_scores

# Nodes of the Gauss-Hermite quadrature by which scores become values of a metric.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
# Of counts, which are exact; not nothing, so that covariances stay regular.
RELATIVE_DEVIATION = 1e-6


@dataclass(frozen=True)
class MetricPosterior:
    """A model of a metric's scores, in the metric's unit.

    The scores are tied to the values that they stand for by a line from one to the next, which goes on above the best
    with the slope of the upper half, where scores are linear, and below the worst with the mean slope; mean and
    variance are those of the Gaussian of scores after that map.

    scores, values: (n,) sorted, of the trials that the model was fitted on. sign: -1 where the model sees the negative.
    """

    model: ArchitectureModel
    scores: np.ndarray
    values: np.ndarray
    sign: float

    @classmethod
    def of(cls, model: ArchitectureModel, values: np.ndarray, sign: float) -> MetricPosterior:
        """values: (n,) of the metric, which the model was fitted on the scores of, times the sign."""
        scores, first = np.unique(model_scores(sign * values, model.tail), return_index=True)
        return cls(model, scores, sign * values[first], sign)

    def predict(self, codes: np.ndarray, noisy: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the metric for (B, S) codes: (B,), (B,). noisy: of a measurement."""
        mean, spread = self.model.predict(codes)
        variance = spread**2 + (self.model.gp.likelihood.noise.item() if noisy else 0.0)
        values = self._values(mean[:, None] + np.sqrt(variance)[:, None] * NODES)
        centre = values @ WEIGHTS
        return self.sign * centre, ((values - centre[:, None]) ** 2) @ WEIGHTS

    def to_scores(self, values: np.ndarray) -> np.ndarray:
        """The scores of (B,) values of the metric by the same lines, where they rise: (B,)."""
        signed = self.sign * np.asarray(values, dtype=np.float64)
        below, above = self._slopes
        scores = np.interp(signed, self.values, self.scores)
        scores += np.minimum(signed - self.values[0], 0) / below if below > 0 else 0.0
        scores += np.maximum(signed - self.values[-1], 0) / above if above > 0 else 0.0
        return scores

    def predict_scores(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the score of a measurement, noise included: (B, S) codes -> (B,), (B,)."""
        mean, spread = self.model.predict(codes)
        return mean, spread**2 + self.model.gp.likelihood.noise.item()

    def _values(self, scores: np.ndarray) -> np.ndarray:
        """Signed values for any scores."""
        below, above = self._slopes
        under, over = np.minimum(scores - self.scores[0], 0), np.maximum(scores - self.scores[-1], 0)
        return np.interp(scores, self.scores, self.values) + below * under + above * over

    @property
    def _slopes(self) -> tuple[float, float]:
        """Values per score below the worst and above the best; 0 where all are equal."""
        values, scores = self.values, self.scores
        if len(values) == 1:
            return 0.0, 0.0
        middle = (len(values) - 1) // 2
        mean, upper = (float((values[-1] - values[start]) / (scores[-1] - scores[start])) for start in (0, middle))
        return mean, upper


@dataclass(frozen=True)
class CountedPosterior:
    """Params or MACs, which the space counts; their deviation is almost nothing."""

    counted: CountedMetric

    def predict(self, codes: np.ndarray, noisy: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """As ``MetricPosterior.predict``."""
        values = self.counted.sign * self.counted.count(codes)
        return values, (RELATIVE_DEVIATION * values) ** 2


def posterior_of(model: MetricModel, values: np.ndarray) -> MetricPosterior | CountedPosterior:
    """What a model that ``MetricFitter`` has fitted believes. values: (n,) of the metric, which it was fitted on."""
    if isinstance(model, CountedMetric):
        return CountedPosterior(model)
    assert isinstance(model, LearnedMetric)
    return MetricPosterior.of(model.model, values, model.sign)
