"""What is believed of each metric of an objective: a model of it, or its exact count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np

from bonag.predictors.gp import FittedProcess
from bonag.predictors.schedule import informative_rows, prefix
from bonag.remembered import Remembered
from bonag.roles import PREDICTORS
from bonag.scores import TAILS, ScoreMap, log_slopes, model_scores
from bonag.transfer.process import TransferredProcess
from bonag.transfer.summary import Advice
from loops.protocols import Model, Prediction, Predictor
from search_spaces import SearchSpace
from search_spaces.architecture import COUNTED
from search_spaces.errors import UserError

# Of counts, in scores: not nothing, so that those who miss a bound by more are told from those who miss it by less.
COUNTED_SPREAD = 1e-3
# Random architectures by which the scale of counts is made before any trial.
COUNTED_SAMPLE = 64
# Of counts, in their own unit: not nothing, so that covariances stay regular.
RELATIVE_DEVIATION = 1e-6
# A predictor is fitted anew whenever the trials have grown by the first share, or by its own ``growth``; the tail of
# the scores, which takes a fit for each, when they have grown by the second.
GROWTH, SLOW_GROWTH = 0.08, 0.35
# What a predictor is fitted on then, and what its model is conditioned on; both take time by the cube of their number.
MAX_FIT_ROWS, MAX_ROWS = 256, 1024
# Of the latter, so many are kept for trials after the fit: what is solved of the others serves until the next one.
NEW_ROWS = 128
# For predictors that do not say how likely scores are: hopeless trials squeeze the others little, and still differ.
DEFAULT_TAIL = 1.0
# Nodes of the Gauss-Hermite quadrature by which scores become values of a metric.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@dataclass(frozen=True, eq=False)
class LearnedMetric:
    """What is believed of a metric by a model of its scores.

    sign: -1 where smaller is better, else 1. scale: between the metric times the sign and scores. model: what predicts
    the scores. tail: of the scale. codes, scores: (n, S) and (n,), what the model knows. fitter: which made it.
    exact: whether the mean is the truth.
    """

    sign: float
    scale: ScoreMap
    model: Model
    tail: float
    codes: np.ndarray
    scores: np.ndarray
    fitter: MetricFitter
    exact: bool = False

    @property
    def noise(self) -> float:
        """Standard deviation of a measurement around the mean, in scores; 0 if the model does not say."""
        return float(getattr(self.model, "noise", 0.0))

    def predict(self, codes: np.ndarray) -> Prediction:
        """(B, S) codes -> B scores, without the noise of a measurement."""
        return self.model.predict(codes)

    def predict_values(self, codes: np.ndarray, noisy: bool = False) -> Prediction:
        """(B, S) codes -> B values in the metric's unit. noisy: of measurements.

        Mean and standard deviation of the scores' Gaussian after the map to values, by Gauss-Hermite quadrature.
        """
        scores = self.predict(codes)
        stddev = np.sqrt(scores.stddev**2 + (self.noise**2 if noisy else 0.0))
        if self.scale.constant:
            stddev = np.zeros(len(stddev))
        values = self.scale.to_values(scores.mean[:, None] + stddev[:, None] * NODES)
        centre = values @ WEIGHTS
        return Prediction(self.sign * centre, np.sqrt(((values - centre[:, None]) ** 2) @ WEIGHTS))

    def after(self, codes: np.ndarray) -> LearnedMetric:
        """As if the (k, S) codes had turned out as expected: by the model itself, or by a new fit."""
        seen, scores = np.concatenate([self.codes, codes]), np.concatenate([self.scores, self.predict(codes).mean])
        believe = getattr(self.model, "after", None)
        model = believe(codes) if believe else self.fitter.predictor.fit(seen, scores)
        return replace(self, model=model, codes=seen, scores=scores)

    def condition(self, codes: np.ndarray, values: np.ndarray) -> LearnedMetric:
        """Of (n, S) codes and (n,) values instead of those that it was fitted on.

        With the same hyperparameters where the model keeps nothing else, else fitted anew.
        """
        signed = self.sign * values
        if not hasattr(self.model, "condition") or not getattr(self.model, "forgets", True):
            return self.fitter.learn(codes, signed)
        scale = ScoreMap.of_trials(signed, self.tail)
        scores = scale.to_scores(signed)
        return replace(self, scale=scale, model=self.model.condition(codes, scores), codes=codes, scores=scores)


@dataclass(frozen=True, eq=False)
class CountedMetric:
    """The same of a cost that the space counts: ``count`` maps (B, S) codes to (B,) values, times the sign."""

    sign: float
    scale: ScoreMap
    count: Callable[[np.ndarray], np.ndarray]
    exact: bool = True
    noise: float = 0.0

    @property
    def model(self) -> Model:
        """Itself."""
        return self

    def predict(self, codes: np.ndarray) -> Prediction:
        """The scores of the counts."""
        return Prediction(self.scale.to_scores(self.count(codes)), np.full(len(codes), COUNTED_SPREAD))

    def predict_values(self, codes: np.ndarray, noisy: bool = False) -> Prediction:
        """The counts."""
        values = self.sign * self.count(codes)
        return Prediction(values, RELATIVE_DEVIATION * np.abs(values))

    def after(self, codes: np.ndarray) -> CountedMetric:
        """What is known stays as it is."""
        return self

    def condition(self, codes: np.ndarray, values: np.ndarray) -> CountedMetric:
        """What is known stays as it is."""
        return self


MetricModel = LearnedMetric | CountedMetric


class Advised(Protocol):
    """A predictor that sources can advise: it has a process before any evaluation."""

    def prior(self) -> FittedProcess:
        """The process without trials."""
        ...


class MetricFitter:
    """Makes the models of one metric: a pure function of the trials.

    What is expensive, hyperparameters and the tail of the scores, is fitted on a prefix of the trials whose length
    follows from their number alone. The last such fits are remembered.

    metric: its name. sign: -1 where smaller is better, else 1. predictor: one, or the name of one. advice: what sources
    say of it; with it a model can be made without trials. Raises UserError for a predictor that takes no advice.
    """

    def __init__(
        self,
        space: SearchSpace,
        metric: str,
        sign: float,
        predictor: Predictor | str = "gp",
        advice: Advice | None = None,
    ) -> None:
        self.space, self.metric, self.sign, self.advice = space, metric, sign, advice
        self.predictor: Predictor = PREDICTORS.make(predictor, {"space": lambda: space, "device": lambda: "cpu"})
        if advice is not None and not hasattr(self.predictor, "prior"):
            raise UserError("transfer needs a predictor that is a Gaussian process over architectures: take 'gp'")
        self._last_tail, self._last_fit = Remembered[float](), Remembered[Model]()

    def fit(self, codes: np.ndarray, values: np.ndarray) -> MetricModel:
        """codes: (n, S) codes in the order of evaluation, n > 0 unless there is advice. values: (n,), as measured."""
        values = self.sign * values
        if self.metric in COUNTED and self.space.counts and len(values) == 0:
            return self._count_beforehand()
        if self.metric in COUNTED and self.space.counts:
            # The evaluator's counts may be those for other classes than the space's default, which adds a constant.
            offsets = values - self._counts(codes)
            if np.ptp(offsets) <= 1e-9 * np.abs(values).max():
                scale = ScoreMap.of_trials(values, TAILS[-1])
                return CountedMetric(self.sign, scale, lambda others: self._counts(others) + offsets[0])
        return self.learn(codes, values)

    def learn(self, codes: np.ndarray, values: np.ndarray) -> LearnedMetric:
        """The same of a metric that is not counted. values: larger is better."""
        if self.advice is not None and len(values) == 0:
            return self._learn_from_sources(self.advice)
        tail = self._likeliest_tail(codes, values)
        scale = ScoreMap.of_trials(values, tail, self.advice.unit if self.advice else None)
        first = prefix(len(values), self._growth)
        old = informative_rows(values[:first], MAX_ROWS - NEW_ROWS)
        used = np.concatenate([old, first + informative_rows(values[first:], MAX_ROWS - len(old))])
        seen, scores = codes[used], scale.to_scores(values[used])
        model = self._fit_prefix(codes[old], values[old], tail)
        if hasattr(model, "condition"):
            model = model.condition(seen, scores)
        elif first < len(values) or len(values) > MAX_FIT_ROWS:
            model = self.predictor.fit(seen, scores)
        if self.advice is not None:
            model = TransferredProcess(cast(FittedProcess, model), seen, self.advice, scale.unit)
        return LearnedMetric(self.sign, scale, model, tail, seen, scores, self)

    def _count_beforehand(self) -> CountedMetric:
        """The counts before any trial, on a scale of random architectures."""
        codes = self.space.codes(self.space.sample(COUNTED_SAMPLE, np.random.default_rng(0)))
        return CountedMetric(self.sign, ScoreMap.of_trials(self._counts(codes), TAILS[-1]), self._counts)

    def _learn_from_sources(self, advice: Advice) -> LearnedMetric:
        """The model before any trial."""
        codes, scores, scale = self.space.codes([]), np.zeros(0), advice.scale
        process = cast(Advised, self.predictor).prior()
        model = TransferredProcess(process, codes, advice, scale.unit)
        return LearnedMetric(self.sign, scale, model, TAILS[0], codes, scores, self)

    @property
    def _growth(self) -> float:
        return float(getattr(self.predictor, "growth", GROWTH))

    def _fit_prefix(self, codes: np.ndarray, values: np.ndarray, tail: float) -> Model:
        """The model of the trials up to the last scheduled fit; of more than it is fitted on, if it can be."""
        scores = model_scores(values, tail)
        rows = informative_rows(values, MAX_FIT_ROWS)

        def fit() -> Model:
            """Fitted on some, conditioned on all."""
            model = self.predictor.fit(codes[rows], model_scores(values[rows], tail))
            condition = getattr(model, "condition", None)
            return model if condition is None or len(rows) == len(codes) else cast(Model, condition(codes, scores))

        return self._last_fit.get(codes, scores, compute=fit)

    def _likeliest_tail(self, codes: np.ndarray, values: np.ndarray) -> float:
        """Of all tails of the scores, the one under which the values are the likeliest.

        A warped Gaussian process (Snelson et al., 2003).
        """
        log_likelihoods = getattr(self.predictor, "log_likelihoods", None)
        if log_likelihoods is None:
            return DEFAULT_TAIL
        first = prefix(len(values), SLOW_GROWTH)
        rows = informative_rows(values[:first], MAX_FIT_ROWS)
        codes, values = codes[rows], values[rows]

        def likeliest() -> float:
            """The best of all tails."""
            scores = np.stack([model_scores(values, tail) for tail in TAILS])
            slopes = [log_slopes(values, tail) for tail in TAILS]
            return TAILS[int(np.argmax(log_likelihoods(codes, scores) + slopes))]

        return self._last_tail.get(codes, values, compute=likeliest)

    def _counts(self, codes: np.ndarray) -> np.ndarray:
        costs = (self.space.costs(self.space.decode(self.space.graph(code))) for code in codes)
        return self.sign * np.array([getattr(cost, self.metric) for cost in costs], dtype=np.float64)
