"""NAS-BOWL (Ru et al., ICLR 2021, *Interpretable Neural Architecture Search via Bayesian Optimisation with
Weisfeiler-Lehman Kernels*)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bonag.generators.candidates import MutationCandidates
from bonag.predictors.schedule import prefix
from bonag.predictors.targets import rank_gaussianise
from bonag.strategies.guided import GuidedGeneration
from bonag.strategies.posterior import ExpectedImprovement, Posterior
from bonag.strategies.rows import GROWTH, spread_rows
from bonag.strategies.wl import MAX_DEPTH, WeisfeilerLehman
from loops.objective import Objective
from loops.strategies.fresh import fresh
from search_spaces import SearchSpace

# The authors' pool: 200 candidates, half of them mutations of the ten best, as those of BANANAS, half random.
POOL, MUTATED = 200, 0.5
NOISES = np.geomspace(1e-5, 1e-1, 9)
SCALES = np.geomspace(0.25, 16.0, 7)
MAX_ROWS = 300


@dataclass(frozen=True)
class SubtreeKernel:
    """The normalised Weisfeiler-Lehman kernel of one depth, times a variance."""

    wl: WeisfeilerLehman
    depth: int
    variance: float

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, S) and (m, S) codes -> (n, m)."""
        return self.variance * self.wl.matrix(a, b, self.depth)

    def diagonal(self, codes: np.ndarray) -> np.ndarray:
        """(n, S) codes -> (n,)."""
        return np.full(len(codes), self.variance)


@dataclass(frozen=True)
class SubtreeProcess:
    """A Gaussian process with the Weisfeiler-Lehman kernel, and expected improvement.

    The authors' but for three things: targets are normal scores and not standardised logarithms of errors, the depth
    may be 0 too, and one architecture is proposed at a time and not five. Depth (0 to 2), variance and noise are those
    of the largest marginal likelihood on a grid; for each depth one eigendecomposition gives the likelihoods of all
    variances and noises.
    """

    space: SearchSpace
    wl: WeisfeilerLehman = field(init=False, repr=False, compare=False)
    _memory: dict[bytes, tuple[int, float, float]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wl", WeisfeilerLehman(self.space))

    def fit(self, codes: np.ndarray, values: np.ndarray, seed: int) -> ExpectedImprovement:
        """codes: (n, S) codes in the order of evaluation. values: (n,), larger is better. Nothing is random."""
        first = prefix(len(values), GROWTH)
        rows = spread_rows(values[:first], MAX_ROWS)
        key = codes[rows].tobytes() + values[rows].tobytes()
        if key not in self._memory:
            self._memory.clear()
            self._memory[key] = self._likeliest(codes[rows], values[rows])
        depth, variance, noise = self._memory[key]
        kernel = SubtreeKernel(self.wl, depth, variance)
        return ExpectedImprovement(Posterior(kernel, codes, rank_gaussianise(values), noise))

    def _likeliest(self, codes: np.ndarray, values: np.ndarray) -> tuple[int, float, float]:
        """Depth, variance and noise variance."""
        targets = rank_gaussianise(values)
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
    return GuidedGeneration(
        space, objective, SubtreeProcess(space), candidates, initial=10, starts=10, name="gp-wl", design=fresh
    )
