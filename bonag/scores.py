"""Between the values of a metric and its scores, which are what models see of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

# How far below the median, in spreads of the better half, the scores of models go on nearly linearly.
TAILS = (0.5, 1.0, 2.0, 4.0)
# Quantiles of a sample say nothing of what lies farther out.
FARTHEST = 3.5


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """An increasing map between values, of which larger ones are better, and scores, and its exact inverse.

    Straight lines lead from knot to knot. Below the first the map goes on with the mean slope over all knots, above the
    last with that over the upper half of them. The scores of trials are linear in that half, so there the line goes on
    as it came; at the bottom they are bent so much that the outermost slope would turn every bad score into values that
    nothing has. These two predicted best in the metric's unit.

    values, scores: (K,), increasing. single: where there is one knot only, the values per score; by default one unit of
    the value's own size.
    """

    values: np.ndarray
    scores: np.ndarray
    single: float | None = None

    @classmethod
    def of_trials(cls, values: np.ndarray, tail: float, single: float | None = None) -> ScoreMap:
        """The map to ``model_scores`` of (n,) values; at the values it gives just those. Of none it is that of 0."""
        if len(values) == 0:
            return cls(np.zeros(1), np.zeros(1), single)
        knots, first = np.unique(np.asarray(values, dtype=np.float64), return_index=True)
        return replace(cls._through(knots, model_scores(values, tail)[first]), single=single)

    @classmethod
    def of_quantiles(cls, quantiles: np.ndarray) -> ScoreMap:
        """The map to the normal scores of a sample, of which (Q,) quantiles at evenly spread levels are given."""
        # Tied quantiles are one knot, in their middle.
        knots, place = np.unique(np.asarray(quantiles, dtype=np.float64), return_inverse=True)
        middle = np.bincount(place, np.linspace(0, 1, len(quantiles))) / np.bincount(place)
        return cls._through(knots, np.clip(ndtri(middle), -FARTHEST, FARTHEST))

    @classmethod
    def _through(cls, values: np.ndarray, scores: np.ndarray) -> ScoreMap:
        """Without the knots that rounding has made equal."""
        rising = np.diff(np.maximum.accumulate(scores), prepend=-np.inf) > 0
        return cls(values[rising], scores[rising])

    @property
    def constant(self) -> bool:
        """Whether all values were the same, so that nothing is known of their spread."""
        return len(self.values) == 1

    @property
    def unit(self) -> float:
        """Values per score among the best and above them."""
        return self._slopes[1]

    def to_scores(self, values: np.ndarray | float) -> np.ndarray:
        """The scores of values, of any shape; infinite ones stay so."""
        below, above = self._slopes
        under, over = np.minimum(values - self.values[0], 0), np.maximum(values - self.values[-1], 0)
        return np.interp(values, self.values, self.scores) + under / below + over / above

    def to_values(self, scores: np.ndarray | float) -> np.ndarray:
        """The values of scores, of any shape; infinite ones stay so."""
        below, above = self._slopes
        under, over = np.minimum(scores - self.scores[0], 0), np.maximum(scores - self.scores[-1], 0)
        return np.interp(scores, self.scores, self.values) + below * under + above * over

    @property
    def _slopes(self) -> tuple[float, float]:
        """Values per score, below the first knot and above the last."""
        values, scores = self.values, self.scores
        if self.constant:
            unit = max(abs(float(values[0])), 1.0) if self.single is None else self.single
            return unit, unit
        middle = (len(values) - 1) // 2
        mean, upper = (float((values[-1] - values[start]) / (scores[-1] - scores[start])) for start in (0, middle))
        return mean, upper


def rank_gaussianise(values: np.ndarray) -> np.ndarray:
    """Normal scores of the values, with mean 0 and standard deviation 1; larger stays larger, ties stay equal.

    values: (n,) array, n >= 1.

    The scores are the standard normal quantiles of (rank - 1/2) / n, which makes a Gaussian process indifferent to the
    long lower tail that accuracies have (rank-based inverse normal transformation).
    """
    from scipy.stats import rankdata  # takes half a second, and few ask for it

    scores = ndtri((rankdata(values) - 0.5) / len(values))
    # Ties pull the quantiles off centre.
    scores -= scores.mean()
    spread = scores.std()
    return scores / spread if spread > 0 else np.zeros(len(values))


def model_scores(values: np.ndarray, tail: float) -> np.ndarray:
    """What the models of a search are fitted on, mean 0 and standard deviation 1; larger stays larger, ties stay equal.

    values: (n,) array, n >= 1, larger is better. tail: one of ``TAILS``.

    Linear from the median up, so that what is smooth stays smooth where the search goes; below it

        score = -tail * log(1 + distance / tail),

    distances being in units of the root mean square distance of the better half: a short tail keeps hopeless trials
    from squeezing all others together, a long one tells bad from worse.
    """
    scores = _bent(_distances(values), tail)
    scores -= scores.mean()
    spread = scores.std()
    return scores / spread if spread > 0 else np.zeros(len(values))


def log_slopes(values: np.ndarray, tail: float) -> float:
    """The sum of the logarithms of the slopes of ``model_scores`` at the (n,) values, up to what all tails share.

    The density of values is that of their scores times the slopes, so with them the likelihoods of tails compare.
    """
    distances = _distances(values)
    spread = _bent(distances, tail).std()
    if spread == 0:
        return 0.0
    return float(-np.log1p(np.maximum(-distances, 0.0) / tail).sum() - len(values) * np.log(spread))


def _distances(values: np.ndarray) -> np.ndarray:
    """From the median, in units of the root mean square of those above it, or below it if there are none: (n,)."""
    distances = values - np.median(values)
    distances /= max(np.abs(distances).max(), 1e-300)
    side = distances[distances > 0] if (distances > 0).any() else distances[distances < 0]
    return distances / np.sqrt((side**2).mean()) if len(side) else distances


def _bent(distances: np.ndarray, tail: float) -> np.ndarray:
    return np.where(distances >= 0, distances, -tail * np.log1p(np.maximum(-distances, 0.0) / tail))
