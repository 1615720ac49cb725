"""What a few labels say of all architectures: a predictor for each metric that is wished for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch

from bonag.acquisition.constrained import bound_score
from bonag.acquisition.metric_models import MetricFitter, MetricModel
from bonag.evaluators.sizing import sized_space
from bonag.generators.conditions import normal_scores, quantiles_of
from bonag.generators.regressor import log_interval
from bonag.generators.training import Conditions
from bonag.on_demand.calibration import Calibration
from bonag.on_demand.labels import Labels, draw_labels
from bonag.predictors.posterior import ExactPosterior
from loops.constraint import Constraint
from loops.protocols import Evaluator
from search_spaces import SearchSpace

# Of an interval, in scores: bounds that are closer are drawn apart, since a density has no mass between them.
LEAST_WIDTH = 0.05
# No count is believed to be known better, in scores: guidance would be a wall without a way that leads there.
LEAST_SPREAD = 0.1
ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class Beliefs:
    """Models of metrics by name, each on scores that grow with the metric or fall with it, as its ``sign`` says."""

    space: SearchSpace
    models: Mapping[str, MetricModel]

    def posterior(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, S) codes, B > 0 -> means and variances of measurements, in scores: (B, C) each, in the models' order."""
        means, variances = zip(*(self._predict(metric, codes) for metric in self.models), strict=True)
        return np.stack(means, axis=1), np.stack(variances, axis=1)

    def bounds(self, wishes: Sequence[Constraint]) -> np.ndarray:
        """(C, 2) lower and upper bounds in scores, infinite where nothing is wished."""
        ends = []
        for wish in wishes:
            model = self.models[wish.metric]
            ends.append((wish.metric, 0 if wish.sign == model.sign else 1, bound_score(wish, model)))
        return _intervals(list(self.models), ends)

    def log_probability(self, codes: np.ndarray, bounds: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        """The sum over metrics of strength times log P(lower <= score <= upper): (B, S) codes -> (B,)."""
        total = np.zeros(len(codes))
        for (lower, upper), strength, metric in zip(bounds, strengths, self.models, strict=True):
            if strength == 0 or np.isinf([lower, upper]).all():
                continue
            mean, variance = self._predict(metric, codes)
            spread = np.sqrt(variance)
            low, high = torch.from_numpy((lower - mean) / spread), torch.from_numpy((upper - mean) / spread)
            total += strength * log_interval(low, high).numpy()
        return total

    def _predict(self, metric: str, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        model = self.models[metric]
        if model.exact:
            return self._count(metric, codes), np.full(len(codes), LEAST_SPREAD**2)
        parts = [model.predict(codes[start : start + ROWS_AT_ONCE]) for start in range(0, len(codes), ROWS_AT_ONCE)]
        mean, spread = (np.concatenate([getattr(part, name) for part in parts]) for name in ("mean", "stddev"))
        return mean, (spread**2 + model.noise**2) * self._calibrations[metric](mean) ** 2

    def _count(self, metric: str, codes: np.ndarray) -> np.ndarray:
        """Counts of the nearest valid graphs, in scores: (B,). Each graph is counted once."""
        known, keys = self._counts[metric], [code.tobytes() for code in codes]
        new = {key: code for key, code in zip(keys, codes, strict=True) if key not in known}
        if new:
            valid = self.space.nearest_codes(np.stack(list(new.values())))
            known |= zip(new, self.models[metric].predict(valid).mean.tolist(), strict=True)
        return np.array([known[key] for key in keys])

    @cached_property
    def _calibrations(self) -> dict[str, Calibration]:
        """Of the metrics that are not counted, whose models are Gaussian processes."""
        learned = {metric: model for metric, model in self.models.items() if not model.exact}
        return {metric: Calibration.of(cast(ExactPosterior, model.model)) for metric, model in learned.items()}

    @cached_property
    def _counts(self) -> dict[str, dict[bytes, float]]:
        return {metric: {} for metric in self.models}


def fit_beliefs(space: SearchSpace, labels: Labels, directions: Mapping[str, float]) -> Beliefs:
    """Fit a predictor to the labels of each of the metrics, as a search does.

    directions: by metric, 1 where scores grow with it, -1 where they fall; they tell most of their better half.
    """
    models = {
        name: MetricFitter(space, name, sign).fit(labels.codes, labels.values[name])
        for name, sign in directions.items()
    }
    return Beliefs(space, models)


def learn_conditions(
    space: SearchSpace, evaluator: Evaluator, metrics: Sequence[str], seed: int, count: int | None = None
) -> Conditions:
    """What a conditional generator is trained with: labels of random architectures, and what they say of all others.

    count: of labels, by default as in ``draw_labels``. Raises UserError.
    """
    space = sized_space(space, evaluator)
    # The seed's own stream draws the training pool.
    labels = draw_labels(space, evaluator, metrics, np.random.default_rng([seed, 2]), count)
    beliefs = fit_beliefs(space, labels, dict.fromkeys(metrics, 1.0))
    quantiles = {name: quantiles_of(labels.values[name]) for name in metrics}
    return Conditions(quantiles, beliefs.posterior, labels.count, labels.source, str(space.network_size))


def directions_of(wishes: Sequence[Constraint]) -> dict[str, float]:
    """The sign of each metric's first wish, by metric."""
    return {wish.metric: wish.sign for wish in reversed(wishes)}


def conditional_bounds(wishes: Sequence[Constraint], quantiles: Mapping[str, np.ndarray]) -> np.ndarray:
    """(C, 2) bounds in the normal scores that a conditional generator was trained on; quantiles: those of its file."""
    ends = []
    for wish in wishes:
        known = quantiles[wish.metric]
        ends.append((wish.metric, 0 if wish.sign > 0 else 1, float(normal_scores(known, wish.past_ties(known)))))
    return _intervals(list(quantiles), ends)


def _intervals(metrics: Sequence[str], ends: Sequence[tuple[str, int, float]]) -> np.ndarray:
    """(C, 2) bounds, infinite where there is none. ends: of a metric, 0 for the lower one or 1, and where it is."""
    bounds = np.tile([-np.inf, np.inf], (len(metrics), 1))
    for metric, end, score in ends:
        bounds[metrics.index(metric), end] = score
    narrow = bounds[:, 1] - bounds[:, 0] < LEAST_WIDTH
    bounds[narrow] = bounds[narrow].mean(axis=1, keepdims=True) + LEAST_WIDTH * np.array([-0.5, 0.5])
    return bounds


def strengths_of(strengths: Mapping[str, float], metrics: Sequence[str], default: float) -> np.ndarray:
    """(C,) guidance strengths, the default where none is given."""
    return np.array([strengths.get(metric, default) for metric in metrics], dtype=np.float64)
