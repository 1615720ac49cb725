"""What a source says of a metric: a plain Gaussian process on its evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import block_diag, cho_solve, cholesky

from bonag.scores import ScoreMap
from loops.objective import Objective
from loops.source import Source
from search_spaces import SearchSpace

# The covariance of two architectures falls by a factor e for so many sites that differ; the noise is in shares of it.
LENGTHS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 40.0)
NOISES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
# A source that cannot predict its own evaluations predicts no others.
LEAST_SKILL = 0.1
TAIL = 1.0


@dataclass(frozen=True, eq=False)
class Summary:
    """The mean of a Gaussian process on the scores of a source, with covariance exp(-sites that differ / length).

    Its few hyperparameters maximise the marginal likelihood. It is smoother than the predictor of a search: of a source
    what matters is what carries over, and not what its own measurements say to the last digit.

    source: its name. codes, scores, weights: (n, S), (n,), (n,). scale: between the metric and scores, None where
    another metric stands for it. skill: share of the scores' variance that is explained when each of them is
    left out, 0 where nothing is.
    """

    source: str
    codes: np.ndarray
    scores: np.ndarray
    weights: np.ndarray
    length: float
    scale: ScoreMap | None
    skill: float

    @property
    def unit(self) -> float | None:
        """Values of the metric per score among the best, if that is known."""
        return None if self.scale is None else self.scale.unit


def summarise(source: str, codes: np.ndarray, values: np.ndarray, same: bool = True) -> Summary:
    """Of (n, S) codes and (n,) values, of which larger ones are better. same: whether they are of the metric itself."""
    scale = ScoreMap.of_trials(values, TAIL)
    scores = scale.to_scores(values)
    differ = np.concatenate([differing_sites(part, codes) for part in np.array_split(codes, 1 + len(codes) // 64)])
    _, length, noise = max(_log_likelihood(differ, scores, length, noise) for length in LENGTHS for noise in NOISES)
    factor = cholesky(np.exp(-differ / length) + noise * np.eye(len(codes)), lower=True)
    precision = cho_solve((factor, True), np.eye(len(codes)))
    weights = precision @ scores
    # Rasmussen and Williams (2006), equation 5.12.
    left_out = scores - weights / np.diagonal(precision)
    spread = float(scores @ scores)
    skill = max(0.0, 1 - float(((scores - left_out) ** 2).sum()) / spread) if spread > 0 else 0.0
    return Summary(source, codes, scores, weights, length, scale if same else None, skill)


def differing_sites(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, S) and (m, S) codes -> (n, m), in how many sites they differ."""
    return (a[:, None] != b[None]).sum(axis=-1).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Advice:
    """What several sources say of one metric."""

    summaries: Sequence[Summary]

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, m), the scores that each of m sources expects, on its own scale."""
        rows, lengths, weights = self._rows
        same = _one_hots(codes, self._classes) @ rows.T
        return np.asarray(np.exp((same - codes.shape[1]) / lengths) @ weights, dtype=np.float64)

    @cached_property
    def _classes(self) -> int:
        return 1 + max(int(one.codes.max()) for one in self.summaries)

    @cached_property
    def _rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the R rows of all sources: one-hots (R, S * classes), lengths (R,), and weights (R, m)."""
        codes = np.concatenate([one.codes for one in self.summaries])
        lengths = np.concatenate([np.full(len(one.codes), one.length) for one in self.summaries])
        weights = block_diag(*(one.weights[:, None] for one in self.summaries))
        return _one_hots(codes, self._classes), lengths, weights

    @property
    def unit(self) -> float:
        """Values of the metric per score of the sources, their geometric mean; 1 where none has the metric itself."""
        units = [one.unit for one in self.summaries if one.unit is not None]
        return float(np.exp(np.mean(np.log(units)))) if units else 1.0

    @property
    def scale(self) -> ScoreMap:
        """What is expected of the metric before any trial: the scale of the first source that has the metric itself."""
        known = [one.scale for one in self.summaries if one.scale is not None]
        return known[0] if known else ScoreMap.of_trials(np.zeros(0), TAIL, self.unit)

    def best(self, n: int) -> np.ndarray:
        """The n codes that the sources themselves think best, of those that they hold: (k, S), k <= n."""
        return self._held[:n]

    @cached_property
    def _held(self) -> np.ndarray:
        """All distinct codes of the sources, best first."""
        codes = np.unique(np.concatenate([one.codes for one in self.summaries]), axis=0)
        return np.asarray(codes[np.argsort(-self(codes).mean(axis=1), kind="stable")])


def _one_hots(codes: np.ndarray, classes: int) -> np.ndarray:
    """(B, S) codes -> (B, S * classes); a class beyond them is none. In single precision, in which counts are exact."""
    return (codes[:, :, None] == np.arange(classes)).reshape(len(codes), codes.shape[1] * classes).astype(np.float32)


def advice_of(space: SearchSpace, objective: Objective, sources: Sequence[Source]) -> dict[str, Advice]:
    """By metric of the objective, what the sources say that know anything of it: see ``LEAST_SKILL``."""
    found: dict[str, list[Summary]] = {}
    for source in sources:
        codes = space.codes(source.architectures)
        for metric, values in source.values.items():
            if metric in objective.metrics:
                one = summarise(source.name, codes, objective.signs[metric] * values, metric not in source.others)
                found.setdefault(metric, []).extend([one] if one.skill >= LEAST_SKILL else [])
    return {metric: Advice(summaries) for metric, summaries in found.items() if summaries}


def _log_likelihood(differ: np.ndarray, scores: np.ndarray, length: float, noise: float) -> tuple[float, float, float]:
    """The logarithm of the marginal likelihood at the likeliest variance, up to a constant, and what it is of."""
    factor = cholesky(np.exp(-differ / length) + noise * np.eye(len(scores)), lower=True)
    variance = max(float(scores @ cho_solve((factor, True), scores)) / len(scores), 1e-12)
    fit = -0.5 * len(scores) * np.log(variance) - float(np.log(np.diagonal(factor)).sum())
    return fit, length, noise
