"""NAS-BOWL (Ru et al., ICLR 2021, *Interpretable Neural Architecture Search via Bayesian Optimisation with
Weisfeiler-Lehman Kernels*)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bonag.generators.candidates import MutationCandidates
from bonag.predictors.posterior import ExactPosterior
from bonag.predictors.schedule import prefix, spread_rows
from bonag.remembered import Remembered
from bonag.scores import rank_gaussianise
from bonag.strategies.believed import BelievedSurrogate
from bonag.strategies.guided import GuidedGeneration
from bonag.strategies.wl import MAX_DEPTH, WeisfeilerLehman
from loops.objective import Objective
from loops.strategies.fresh import fresh
from search_spaces import SearchSpace

# The authors' pool: 200 candidates, half of them mutations of the ten best, as those of BANANAS, half random.
POOL, MUTATED = 200, 0.5
NOISES = np.geomspace(1e-5, 1e-1, 9)
SCALES = np.geomspace(0.25, 16.0, 7)
# Hyperparameters are fitted anew whenever the history has grown by this share, and on so many trials.
GROWTH = 0.08
MAX_ROWS = 300


@dataclass(frozen=True)
class SubtreeKernel:
    """The normalised Weisfeiler-Lehman kernel of one depth, times a variance."""

    wl: WeisfeilerLehman
    depth: int
    variance: float

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        """The codes themselves."""
        return codes

    def matrix(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, S) and (m, S) codes -> (n, m)."""
        return self.variance * self.wl.matrix(a, b, self.depth)

    def variances(self, inputs: np.ndarray) -> np.ndarray:
        """(n, S) codes -> (n,)."""
        return np.full(len(inputs), self.variance)


class SubtreeProcess:
    """A predictor: a Gaussian process with the Weisfeiler-Lehman kernel, on ranks unless ``to_targets`` says otherwise.

    The authors' but for three things: targets are normal scores and not standardised logarithms of errors, the depth
    may be 0 too, and one architecture is proposed at a time and not five. Depth (0 to 2), variance and noise are those
    of the largest marginal likelihood on a grid; for each depth one eigendecomposition gives the likelihoods of all
    variances and noises.
    """

    def __init__(self, space: SearchSpace, to_targets: Callable[[np.ndarray], np.ndarray] = rank_gaussianise) -> None:
        self.wl = WeisfeilerLehman(space)
        self._to_targets = to_targets
        self._last = Remembered[tuple[int, float, float]]()

    def fit(self, codes: np.ndarray, scores: np.ndarray) -> ExactPosterior:
        """codes: (n, S) codes in the order of evaluation. scores: (n,), larger is better."""
        rows = spread_rows(scores[: prefix(len(scores), GROWTH)], MAX_ROWS)
        some, targets = codes[rows], self._to_targets(scores[rows])
        depth, variance, noise = self._last.get(some, targets, compute=lambda: self._likeliest(some, targets))
        return ExactPosterior(SubtreeKernel(self.wl, depth, variance), codes, self._to_targets(scores), noise)

    def _likeliest(self, codes: np.ndarray, targets: np.ndarray) -> tuple[int, float, float]:
        """Depth, variance and noise variance."""
        best, found = -np.inf, (0, 1.0, float(NOISES[-1]))
        for depth in range(MAX_DEPTH + 1):
            spectrum, vectors = np.linalg.eigh(self.wl.matrix(codes, codes, depth))
            weights = (vectors.T @ targets) ** 2
            total = SCALES[:, None, None] * np.maximum(spectrum, 0) + NOISES[:, None]
            likelihood = -0.5 * (weights / total + np.log(total)).sum(axis=-1)
            scale, noise = np.unravel_index(int(likelihood.argmax()), likelihood.shape)
            if likelihood[scale, noise] > best:
                best, found = likelihood[scale, noise], (depth, float(SCALES[scale]), float(NOISES[noise]))
        return found


def nas_bowl(space: SearchSpace, objective: Objective) -> GuidedGeneration:
    """The strategy ``gp-wl``: ten random architectures first."""
    candidates = MutationCandidates(space, 1 - MUTATED, POOL, site_by_site=True)
    surrogate = BelievedSurrogate(space, objective, SubtreeProcess(space))
    return GuidedGeneration(space, objective, surrogate, candidates, initial=10, starts=10, name="gp-wl", design=fresh)
