"""RGPE: an ensemble of the processes of sources and target, weighted by how well they rank the target's trials."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from models import Belief, Cold, process_of
from scipy.linalg import cho_factor, cho_solve

from bonag.acquisition.metric_models import LearnedMetric
from bonag.predictors.posterior import ExactPosterior
from loops.protocols import Prediction

DRAWS = 256


class RankingWeighted(Cold):
    """RGPE (Feurer, Letham and Bakshy, 2018, "Scalable Meta-Learning for Bayesian Optimization").

    The mean is that of the sources' processes and the target's, each weighted by how often it ranks the trials best
    among all in posterior draws, the target's leaving one trial out. A source whose median loss is above the 95th
    percentile of the target's is dropped. It improves on the best mean of a trial, as models' scales differ.
    """

    def believe(self, rows: np.ndarray, values: np.ndarray) -> Belief | None:
        means, stddevs = (np.stack(part) for part in zip(*self._by_sources, strict=True))
        weights = np.full(len(means), 1 / len(means))
        if len(rows) >= 3:
            learned = self.learn(rows, values)
            own, ratio = learned.predict(self.table.codes), self.ratio(learned)
            means, stddevs = np.vstack([means, ratio * own.mean]), np.vstack([stddevs, ratio * own.stddev])
            weights = self._weights(learned, rows)
        mean, variance = weights @ means, weights**2 @ stddevs**2
        prediction = Prediction(mean, np.sqrt(np.maximum(variance, 1e-12)))
        return Belief(prediction, float(mean[rows].max()) if len(rows) else 0.0)

    def _weights(self, learned: LearnedMetric, rows: np.ndarray) -> np.ndarray:
        rng, scores, codes = np.random.default_rng(len(rows)), learned.scores, learned.codes
        losses = [_misranked(_draw(process, codes, rng), scores).sum(axis=1) for process in self._processes]
        model = learned.model
        assert isinstance(model, ExactPosterior)
        own = np.zeros(DRAWS)
        for trial in range(len(rows)):
            kept = np.arange(len(rows)) != trial
            left = model.condition(codes[kept], scores[kept])
            own += _misranked(_draw(left, codes, rng), scores, trial)[:, 0]
        table = np.stack([*losses, own])
        # A draw counts for the target where it is among the best, and else for all of the best alike.
        best = table == table.min(axis=0)
        best[:-1] &= ~best[-1]
        weights = (best / best.sum(axis=0)).mean(axis=1)
        weights[:-1] *= np.median(table[:-1], axis=1) <= np.percentile(own, 95)
        return np.asarray(weights / weights.sum()) if weights.sum() > 0 else np.eye(len(weights))[-1]

    @cached_property
    def _processes(self) -> list[ExactPosterior]:
        return [process_of(one) for one in self.summaries]

    @cached_property
    def _by_sources(self) -> list[tuple[np.ndarray, np.ndarray]]:
        predictions = [process.predict(self.table.codes) for process in self._processes]
        return [(one.mean, one.stddev) for one in predictions]


def _draw(process: ExactPosterior, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(DRAWS, n) joint draws of the posterior at (n, S) codes, without the noise of a measurement."""
    inputs = process.kernel.inputs(codes)
    cross = process.kernel.matrix(inputs, process.inputs)
    noisy = process.kernel.matrix(process.inputs, process.inputs) + process.noise_variance * np.eye(len(process.inputs))
    solved = cho_solve(cho_factor(noisy, lower=True), np.column_stack([process.scores, cross.T]))
    values, vectors = np.linalg.eigh(process.kernel.matrix(inputs, inputs) - cross @ solved[:, 1:])
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(cross @ solved[:, 0] + rng.standard_normal((DRAWS, len(codes))) @ root.T)


def _misranked(draws: np.ndarray, scores: np.ndarray, trial: int | None = None) -> np.ndarray:
    """Of (DRAWS, n) draws, how many pairs with each trial, or with one, are in another order than (n,) scores."""
    trials = range(len(scores)) if trial is None else [trial]
    wrong = [((draws[:, [j]] < draws) != (scores[j] < scores)).sum(axis=1) for j in trials]
    return np.stack(wrong, axis=1)
