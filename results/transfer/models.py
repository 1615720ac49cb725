"""Families of models for transfer: each says, after some trials, what it believes of all architectures of a table.

All see the trials on the scores of the search's own process and learn of the target with its kernel. Where all trials
are good, and differ little, scores with a deviation of one are too large beside a source's: they are made smaller then.
The sources' own Gaussian processes are those of ``bonag.transfer.summary``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from table import Table

from bonag.acquisition.metric_models import LearnedMetric, MetricFitter
from bonag.predictors.likelihood import NOISE
from bonag.predictors.posterior import ExactPosterior
from bonag.strategies.guided import GuidedGeneration
from bonag.transfer.process import RESIDUAL_PRIOR, SLOPE_PRIOR, SLOPES, TransferredProcess
from bonag.transfer.summary import LEAST_SKILL, Advice, Summary, differing_sites, summarise
from loops.protocols import Prediction

# Trials of the first design, where no source is followed.
INITIAL = GuidedGeneration.initial
# How many trials the prior of a residual's spread is worth.
PRIOR_TRIALS = 2.0


class Belief(NamedTuple):
    """Of all N architectures, and the score on which to improve."""

    prediction: Prediction
    best: float


class Family(Protocol):
    """A family of models, with its sources."""

    def believe(self, rows: np.ndarray, values: np.ndarray) -> Belief | None:
        """After (n,) trials at these rows of the table, n >= 0; None where a first design should go on."""
        ...


@dataclass(frozen=True, eq=False)
class Cold:
    """The search's own process, without sources. sources: rows of the table, and values."""

    table: Table
    sources: Sequence[tuple[np.ndarray, np.ndarray]]

    def believe(self, rows: np.ndarray, values: np.ndarray) -> Belief | None:
        if len(rows) < INITIAL:
            return None
        learned = self.learn(rows, values)
        return Belief(learned.predict(self.table.codes), float(learned.scores.max()))

    def learn(self, rows: np.ndarray, values: np.ndarray) -> LearnedMetric:
        """The search's model of the trials: scores, and the process that knows no source."""
        return self._fitter.learn(self.table.codes[rows], values)

    def ratio(self, learned: LearnedMetric) -> float:
        """What a score of the trials is in scores of the sources, going by the metric, but at most one."""
        if len(learned.scores) < 2:
            return 1.0
        return min(1.0, learned.scale.unit / Advice(self.summaries).unit)

    @cached_property
    def summaries(self) -> list[Summary]:
        """Of all sources, whether they can predict themselves or not."""
        return [summarise(str(n), self.table.codes[rows], values) for n, (rows, values) in enumerate(self.sources)]

    @cached_property
    def _fitter(self) -> MetricFitter:
        return MetricFitter(self.table.space, "accuracy", 1.0, self.table.predictor)


class Transferred(Cold):
    """What is shipped: ``bonag.transfer.process.TransferredProcess``."""

    def believe(self, rows: np.ndarray, values: np.ndarray) -> Belief | None:
        if self._advised is None:
            return super().believe(rows, values)
        learned = self._advised.learn(self.table.codes[rows], values)
        assert isinstance(learned.model, TransferredProcess)
        if len(rows) < INITIAL and not learned.model.trusts:
            return None
        return Belief(learned.predict(self.table.codes), float(learned.scores.max(initial=0)))

    @cached_property
    def _advised(self) -> MetricFitter | None:
        skilled = [one for one in self.summaries if one.skill >= LEAST_SKILL]
        if not skilled:
            return None
        return MetricFitter(self.table.space, "accuracy", 1.0, self.table.predictor, Advice(skilled))


@dataclass(frozen=True, eq=False)
class SiteKernel:
    """variance * exp(-sites that differ / length), of codes."""

    length: float
    variance: float

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        """The codes themselves."""
        return codes

    def matrix(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, S) and (m, S) codes -> (n, m)."""
        return np.asarray(self.variance * np.exp(-differing_sites(a, b) / self.length))

    def variances(self, inputs: np.ndarray) -> np.ndarray:
        """(n, S) codes -> (n,)."""
        return np.full(len(inputs), self.variance)


def process_of(summary: Summary) -> ExactPosterior:
    """The Gaussian process of which a summary keeps the mean: noise and variance follow from its weights."""
    matrix = SiteKernel(summary.length, 1.0).matrix(summary.codes, summary.codes)
    scores, weights = summary.scores, summary.weights
    noise = float((scores - matrix @ weights) @ weights / (weights @ weights))
    variance = float(scores @ weights) / len(scores)
    return ExactPosterior(SiteKernel(summary.length, variance), summary.codes, scores, noise * variance)


class Level(NamedTuple):
    """What a stack believes of all N architectures so far, and of how many evaluations its last level is."""

    mean: np.ndarray
    stddev: np.ndarray
    size: int


class Stacked(Cold):
    """Stacked residuals (Golovin et al., 2017, "Google Vizier", section 3.3), source upon source, the target on top.

    The mean is that of the level below, on the likeliest scale and offset, plus that of a process of the residuals. The
    deviation is the geometric mean of both, weighted by how many evaluations each is of. Scales have the prior of
    what is shipped, and so has the residuals' spread.
    """

    def believe(self, rows: np.ndarray, values: np.ndarray) -> Belief | None:
        if len(rows) == 0:
            return Belief(Prediction(self._base.mean, self._base.stddev), 0.0)
        learned = self.learn(rows, values)
        scores = self.ratio(learned) * learned.scores
        top = self._stack(self._base, rows, scores)
        return Belief(Prediction(top.mean, top.stddev), float(scores.max()))

    @cached_property
    def _base(self) -> Level:
        first, *others = self.summaries
        prediction = process_of(first).predict(self.table.codes)
        level = Level(prediction.mean, prediction.stddev, len(first.codes))
        for (rows, _), summary in zip(self.sources[1:], others, strict=True):
            level = self._stack(level, rows, summary.scores)
        return level

    def _stack(self, below: Level, rows: np.ndarray, scores: np.ndarray) -> Level:
        slope = self._likeliest_slope(below.mean[rows], rows, scores)
        left = scores - slope * below.mean[rows]
        offset = left.mean()
        spread = float(np.sqrt(_spread_sum(((left - offset) ** 2).sum()) / (PRIOR_TRIALS + len(rows))))
        process = self.table.predictor.prior()
        if len(rows) > 1:
            process = self.table.predictor.fit(self.table.codes[rows], (left - offset) / spread)
        residual = process.predict(self.table.codes)
        share = len(rows) / (len(rows) + below.size)
        stddev = (spread * residual.stddev) ** share * (slope * below.stddev) ** (1 - share)
        return Level(offset + slope * below.mean + spread * residual.mean, stddev, len(rows))

    def _likeliest_slope(self, below: np.ndarray, rows: np.ndarray, scores: np.ndarray) -> float:
        """Under the process with its hyperparameters at their medians, and an inverse gamma prior of its variance."""
        prior = self.table.predictor.prior()
        inputs = prior.kernel.inputs(self.table.codes[rows])
        matrix = prior.kernel.matrix(inputs, inputs) / prior.kernel.level + NOISE * np.eye(len(rows))
        left = scores[:, None] - below[:, None] * SLOPES
        solved = cho_solve(cho_factor(matrix, lower=True), np.column_stack([left, np.ones(len(rows))]))
        left = left - solved[:, :-1].sum(axis=0) / solved[:, -1].sum()
        fits = (left * cho_solve(cho_factor(matrix, lower=True), left)).sum(axis=0)
        logs = -0.5 * (PRIOR_TRIALS + len(rows) - 1) * np.log(_spread_sum(fits))
        logs -= 0.5 * (np.log(SLOPES / SLOPE_PRIOR[0]) / SLOPE_PRIOR[1]) ** 2
        return float(SLOPES[logs.argmax()])


def _spread_sum(squares: np.ndarray | float) -> np.ndarray | float:
    return PRIOR_TRIALS * RESIDUAL_PRIOR[0] ** 2 + squares
