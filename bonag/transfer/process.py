"""A Gaussian process that takes advice from sources, as far as its own trials bear them out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtr

from bonag.predictors.gp import FittedProcess
from bonag.transfer.summary import Advice
from loops.protocols import Prediction

# The grids of the hypotheses, in units of the source's scores, and the log-normal priors over them (median, width).
SLOPES = np.array([0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0])
RESIDUALS = np.array([0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0])
NOISES = np.array([0.02, 0.06, 0.15, 0.4, 1.0])
SLOPE_PRIOR, RESIDUAL_PRIOR, NOISE_PRIOR = (1.0, 0.7), (0.25, 1.0), (0.06, 1.0)
# Where another metric stands for it, its unit says nothing.
FOREIGN_WIDTH = 1.5
# Of the unknown offset between source and target, in scores of either, whichever is more.
OFFSET_SPREAD = 3.0
# A priori probability that no source helps, and how freely the scores' spread may differ from what sources expect.
ALONE, UNIT_WIDTH = 0.05, 1.0
# Hypotheses of less probability are left out of predictions, and of the rest no more than so many are kept.
NEGLIGIBLE, MOST = 2e-3, 40
# Halvings of the interval in which a quantile is looked for.
HALVINGS = 24


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """score(x) = offset + slope * advice(x) + r(x), where r is a Gaussian process of that variance, plus noise.

    source: the column of the advice that is followed. weight: the probability.
    """

    source: int
    slope: float
    variance: float
    noise: float
    weight: float


@dataclass(frozen=True, eq=False)
class TransferredProcess:
    """A mixture of Gaussian processes, each with a mean that follows one source, or the mean of them all.

    How far each source is followed, how much the target departs from it, and how noisy trials are, is a grid of
    hypotheses under priors; their probabilities after the trials weigh their predictions (autoregressive co-kriging,
    Kennedy and O'Hagan, 2000, with Bayesian model averaging in place of point estimates). Beside them stands the
    hypothesis that no source helps, which is the search's own process, as it is without sources: as soon as that is
    more likely than all others together, it alone is believed, so that what misleads is dropped.

    process: the search's own. codes: (n, S) of its trials. advice: of m sources. unit: values of the metric per score
    of the trials. fixed: the hypotheses, where they are known already.
    """

    process: FittedProcess
    codes: np.ndarray
    advice: Advice
    unit: float
    fixed: tuple[Hypothesis, ...] | None = None
    # What was learned of the sources belongs to these trials.
    forgets = False

    @property
    def noise(self) -> float:
        """Standard deviation of a measurement around the mean."""
        if not self.trusts:
            return self.process.noise
        return float(sum(one.weight * one.noise for one in self.believed)) ** 0.5

    @property
    def alone(self) -> float:
        """The probability that no source helps."""
        return 1 - float(sum(one.weight for one in self.hypotheses))

    @property
    def trusts(self) -> bool:
        """Whether any source is followed."""
        return self.alone <= 0.5

    @cached_property
    def source_weights(self) -> np.ndarray:
        """(m,) how likely it is that each source is the one to follow; less than one together."""
        m = len(self.advice.summaries)
        weights = np.zeros(m)
        for one in self.hypotheses:
            weights += one.weight / m if one.source == m else one.weight * (np.arange(m) == one.source)
        return weights

    def predict(self, codes: np.ndarray) -> Prediction:
        """(B, S) codes -> B scores, without the noise of a measurement."""
        if not self.trusts:
            return self.process.predict(codes)
        inputs = self.process.kernel.inputs(codes)
        cross = self._normal(self.process.kernel.matrix(inputs, self.process.inputs)) @ self._spectrum[1]
        variances = self._normal(self.process.kernel.variances(inputs))
        advice = _columns(self.advice(codes))
        each = [self._predict_by(one, cross, variances, advice[:, one.source]) for one in self.believed]
        means = np.stack([mean for mean, _ in each])
        stddevs = np.sqrt(np.maximum([variance for _, variance in each], 1e-12))
        return upper_gaussian(means, stddevs, np.array([one.weight for one in self.believed]))

    def after(self, codes: np.ndarray) -> TransferredProcess:
        """As if the (k, S) codes had been evaluated, and turned out as expected: nothing is learned of the sources."""
        process = self.process.extended(codes, self.predict(codes).mean)
        return replace(self, process=process, codes=np.concatenate([self.codes, codes]), fixed=self.hypotheses)

    def leave_one_out(self) -> Prediction:
        """That of the search's own process."""
        return self.process.leave_one_out()

    def shares(self, codes: np.ndarray) -> dict[tuple[str, str], float]:
        """Those of the search's own process: see ``FittedProcess.shares``."""
        return self.process.shares(codes)

    def note(self) -> dict[str, Any]:
        """What a trial's provenance should say: the weight of each source, by its name."""
        named = zip(self.advice.summaries, self.source_weights, strict=True)
        return {"sources": {one.source: round(float(weight), 4) for one, weight in named}}

    @cached_property
    def believed(self) -> tuple[Hypothesis, ...]:
        """The hypotheses with a source that predictions are made of; their weights add up to one."""
        likely = sorted(self.hypotheses, key=lambda one: -one.weight)[:MOST]
        total = sum(one.weight for one in likely)
        return tuple(replace(one, weight=one.weight / total) for one in likely)

    @cached_property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """All that are not negligible; what is missing to one is the probability that no source helps."""
        return self.fixed if self.fixed is not None else self._weighed()

    def _weighed(self) -> tuple[Hypothesis, ...]:
        columns = self._seen.shape[1]
        found = np.stack([self._log_evidence(column) for column in range(columns)]) + np.log(1 - ALONE)
        alone = self._log_evidence_alone() + np.log(ALONE)
        weights, rest = np.exp(found - max(found.max(), alone)), float(np.exp(alone - max(found.max(), alone)))
        likely = np.argwhere(weights > NEGLIGIBLE * weights.sum())
        # What is left out goes to the others, and not to the hypothesis that no source helps.
        kept = float(sum(weights[tuple(place)] for place in likely))
        share = float(weights.sum() / (weights.sum() + rest)) / kept
        variances, noises, _ = _DEPARTURES
        units = [self._unit_of(column)[0] for column in range(columns)]
        return tuple(
            Hypothesis(
                source=int(column),
                slope=float(SLOPES[slope]) * units[column],
                variance=float(variances[departure]) * units[column] ** 2,
                noise=float(noises[departure]) * units[column] ** 2,
                weight=float(weights[column, departure, slope]) * share,
            )
            for column, departure, slope in likely
        )

    def _log_evidence(self, column: int) -> np.ndarray:
        """Of all departures and slopes of one source, likelihood times prior: (P, G) logarithms."""
        spectrum, basis = self._spectrum
        variances, noises, of_departures = _DEPARTURES
        columns, (unit, width) = self._seen.shape[1], self._unit_of(column)
        # The mean of all is as likely beforehand as all of them together.
        share = 1.0 if columns == 1 else 0.5 if column == columns - 1 else 0.5 / (columns - 1)
        prior = np.log(share) + of_departures[:, None] + _log_prior(SLOPES, (SLOPE_PRIOR[0], width))
        ones, advice = basis.sum(axis=0), basis.T @ self._seen[:, column]
        left = (basis.T @ self.process.scores)[:, None] - np.outer(advice, SLOPES * unit)
        precisions = 1 / (np.outer(variances, spectrum) + noises[:, None]) / unit**2
        total = precisions @ ones**2 + _offset_precision(unit)
        offsets = (precisions * ones) @ left / total[:, None]
        fit = precisions @ left**2 - offsets**2 * total[:, None]
        norm = -np.log(precisions).sum(axis=1) + np.log(total / _offset_precision(unit))
        return np.asarray(prior - 0.5 * (fit + norm[:, None]))

    def _log_evidence_alone(self) -> float:
        """That of the search's own process, which has its scale of the trials: less, the farther from the expected."""
        spectrum, basis = self._spectrum
        own = self._level * spectrum + self.process.noise_variance
        surprise = np.log(self._unit_of(self._seen.shape[1] - 1)[0]) / UNIT_WIDTH
        return -0.5 * float((((basis.T @ self.process.scores) ** 2) / own).sum() + np.log(own).sum() + surprise**2)

    def _predict_by(
        self, one: Hypothesis, cross: np.ndarray, variances: np.ndarray, advice: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of B scores under a hypothesis. cross: (B, n), in the basis of the eigenvectors."""
        spectrum, basis = self._spectrum
        total = one.variance * spectrum + one.noise
        ones = basis.sum(axis=0)
        left = basis.T @ (self.process.scores - one.slope * self._seen[:, one.source])
        precision = float((ones**2 / total).sum()) + _offset_precision(self._unit_of(one.source)[0])
        offset = float((ones / total) @ left) / precision
        gain = one.variance / total
        mean = offset + one.slope * advice + cross @ (gain * (left - offset * ones))
        unexplained = 1 - cross @ (gain * ones)
        variance = one.variance * (variances - (cross**2) @ gain) + unexplained**2 / precision
        return mean, variance

    def _unit_of(self, column: int) -> tuple[float, float]:
        """Trials' scores per score of a source, and how sure that is: the width of the slopes' prior."""
        units = [one.unit for one in self.advice.summaries]
        known = [unit for unit in (units if column == len(units) else [units[column]]) if unit is not None]
        if not known:
            return 1.0, FOREIGN_WIDTH
        ratio = float(np.exp(np.mean(np.log(known)))) / self.unit
        return float(np.clip(ratio, 1e-2, 1e3)), SLOPE_PRIOR[1]

    @cached_property
    def _seen(self) -> np.ndarray:
        """The advice on the trials: (n, columns)."""
        return _columns(self.advice(self.codes))

    @cached_property
    def _level(self) -> float:
        """The kernel's mean variance."""
        return self.process.kernel.level

    def _normal(self, covariances: np.ndarray) -> np.ndarray:
        return covariances / self._level

    @cached_property
    def _spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (n,) and eigenvectors (n, n) of the kernel matrix of the trials, at a mean variance of one."""
        matrix = self._normal(self.process.kernel.matrix(self.process.inputs, self.process.inputs))
        values, vectors = np.linalg.eigh(matrix)
        return np.maximum(values, 0.0), vectors


def upper_gaussian(means: np.ndarray, stddevs: np.ndarray, weights: np.ndarray) -> Prediction:
    """Of a mixture of J Gaussians for each of B scores, the Gaussian of its median and its quantile at two deviations.

    Its own variance would not do: what every hypothesis takes for bad, some for very bad, has a large one, and would
    look as if it might be good. means, stddevs: (J, B). weights: (J,).
    """
    quantiles = []
    for level in (0.5, float(ndtr(2.0))):
        low, high = (means - 6 * stddevs).min(axis=0), (means + 6 * stddevs).max(axis=0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = weights @ ndtr((middle - means) / stddevs) < level
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        quantiles.append((low + high) / 2)
    return Prediction(quantiles[0], np.maximum((quantiles[1] - quantiles[0]) / 2, 1e-6))


def _columns(advice: np.ndarray) -> np.ndarray:
    """(B, m) -> each source, and, where there are several, the mean of all: (B, m) or (B, m + 1)."""
    return advice if advice.shape[1] == 1 else np.column_stack([advice, advice.mean(axis=1)])


def _offset_precision(unit: float) -> float:
    return (OFFSET_SPREAD * max(1.0, unit)) ** -2


def _log_prior(grid: np.ndarray, prior: tuple[float, float]) -> np.ndarray:
    """Log-normal with this median and width, on the points of a grid: (G,), normalised."""
    median, width = prior
    logs = -0.5 * (np.log(grid / median) / width) ** 2
    return np.asarray(logs - np.log(np.exp(logs).sum()))


def _departures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variances and noises of all residuals, in squared units of a source, and their log priors: (P,) each."""
    pairs = np.meshgrid(RESIDUALS**2, NOISES**2, indexing="ij")
    logs = _log_prior(RESIDUALS, RESIDUAL_PRIOR)[:, None] + _log_prior(NOISES, NOISE_PRIOR)
    return pairs[0].ravel(), pairs[1].ravel(), logs.ravel()


_DEPARTURES = _departures()
