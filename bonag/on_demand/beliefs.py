"""What a few labels say of all architectures: a predictor for each metric that is wished for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bonag.generators.conditions import MetricScale
from bonag.generators.regressor import log_interval
from bonag.generators.training import Conditions
from bonag.on_demand.labels import Labels, draw_labels
from bonag.predictors.features import GraphFeatures
from bonag.predictors.metric import MetricModel, fit_metric
from loops.constraint import Constraint
from loops.protocols import Evaluator
from search_spaces import SearchSpace

# Of an interval, in normal scores: bounds that are closer are drawn apart, since a density has no mass between them.
LEAST_WIDTH = 0.05


@dataclass(frozen=True)
class Beliefs:
    """Predictors of metrics, on one scale each: normal scores over the space."""

    scales: tuple[MetricScale, ...]
    models: tuple[MetricModel, ...]

    def posterior(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, S) codes -> means and variances of the normal scores, (B, C) each, in the order of ``scales``."""
        parts = [model.predict(codes) for model in self.models]
        return np.stack([mean for mean, _ in parts], axis=1), np.stack([variance for _, variance in parts], axis=1)

    def bounds(self, wishes: Sequence[Constraint]) -> np.ndarray:
        """(C, 2) lower and upper bounds in normal scores, infinite where nothing is wished."""
        return bounds_of(wishes, self.scales)

    def log_probability(self, codes: np.ndarray, bounds: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        """The sum over metrics of strength times log P(lower <= score <= upper): (B, S) codes -> (B,)."""
        total = np.zeros(len(codes))
        for (lower, upper), strength, model in zip(bounds, strengths, self.models, strict=True):
            if strength == 0 or np.isinf([lower, upper]).all():
                continue
            mean, variance = model.predict(codes)
            spread = np.sqrt(variance)
            low, high = torch.from_numpy((lower - mean) / spread), torch.from_numpy((upper - mean) / spread)
            total += strength * log_interval(low, high).numpy()
        return total


def fit_beliefs(space: SearchSpace, labels: Labels, metrics: Sequence[str]) -> Beliefs:
    """Fit a predictor to the labels of each of the metrics."""
    features = GraphFeatures(space)
    return Beliefs(
        tuple(MetricScale.of_values(name, labels.values[name]) for name in metrics),
        tuple(fit_metric(features, labels.codes, labels.values[name]) for name in metrics),
    )


def learn_conditions(
    space: SearchSpace, evaluator: Evaluator, metrics: Sequence[str], seed: int, count: int | None = None
) -> Conditions:
    """What a conditional generator is trained with: labels of random architectures, and what they say of all others.

    count: of labels, by default as in ``draw_labels``. Raises UserError.
    """
    # The seed's own stream draws the training pool.
    labels = draw_labels(space, evaluator, metrics, np.random.default_rng([seed, 2]), count)
    beliefs = fit_beliefs(space, labels, metrics)
    return Conditions(beliefs.scales, beliefs.posterior, labels.count, labels.source)


def bounds_of(wishes: Sequence[Constraint], scales: Sequence[MetricScale]) -> np.ndarray:
    """Wishes in units as (C, 2) lower and upper bounds in normal scores, infinite where nothing is wished."""
    bounds = np.tile([-np.inf, np.inf], (len(scales), 1))
    place = {scale.name: number for number, scale in enumerate(scales)}
    for wish in wishes:
        number = place[wish.metric]
        bounds[number, 0 if wish.sign > 0 else 1] = scales[number].scores(wish.bound)
    narrow = bounds[:, 1] - bounds[:, 0] < LEAST_WIDTH
    bounds[narrow] = bounds[narrow].mean(axis=1, keepdims=True) + LEAST_WIDTH * np.array([-0.5, 0.5])
    return bounds


def strengths_of(strengths: Mapping[str, float], scales: Sequence[MetricScale], default: float) -> np.ndarray:
    """(C,) guidance strengths, the default where none is given."""
    return np.array([strengths.get(scale.name, default) for scale in scales], dtype=np.float64)
