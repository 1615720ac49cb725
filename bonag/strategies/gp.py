"""A plain Gaussian process: what each slot holds, and what follows what."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from bonag.generators.candidates import AllCandidates, EvolutionCandidates
from bonag.predictors.posterior import ExactPosterior
from bonag.predictors.schedule import prefix, spread_rows
from bonag.remembered import Remembered
from bonag.scores import rank_gaussianise
from bonag.strategies.believed import BelievedSurrogate
from bonag.strategies.guided import GuidedGeneration
from bonag.strategies.wl import WeisfeilerLehman
from loops.objective import Objective
from loops.strategies.fresh import fresh
from search_spaces import SearchSpace

# Up to this size, and where the space lists its architectures, all of them are scored.
MAX_ENUMERATED = 20_000
DEPTH = 2
# Hyperparameters are fitted anew whenever the history has grown by this share, and on so many trials.
GROWTH = 0.08
MAX_ROWS = 200
MAX_STEPS = 40
# Medians and width of the log-normal priors.
VARIANCE, NOISE, PRIOR_WIDTH = 0.5, 0.01, 1.0


@dataclass(frozen=True)
class SlotAndSubtreeKernel:
    """scale_1 * Matern-5/2(d(a, b)) + scale_2 * exp(-(1 - WL(a, b)) / length).

    d^2 is the weighted Hamming distance, the sum of the weights (one for every free site) of the sites that differ:
    a Matern kernel on one-hots with automatic relevance determination. WL is the normalised Weisfeiler-Lehman kernel.
    """

    wl: WeisfeilerLehman
    sites: np.ndarray
    weights: np.ndarray
    scales: tuple[float, float]
    length: float

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        """The codes themselves."""
        return codes

    def matrix(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, S) and (m, S) codes -> (n, m)."""
        squared = np.zeros((len(a), len(b)))
        for site, weight in zip(self.sites, self.weights, strict=True):
            squared += weight * (a[:, None, site] != b[None, :, site])
        root = np.sqrt(5 * squared)
        slots = (1 + root + root**2 / 3) * np.exp(-root)
        subtrees = np.exp((self.wl.matrix(a, b, DEPTH) - 1) / self.length)
        return self.scales[0] * slots + self.scales[1] * subtrees

    def variances(self, inputs: np.ndarray) -> np.ndarray:
        """(n, S) codes -> (n,)."""
        return np.full(len(inputs), sum(self.scales))


class SlotAndSubtreeProcess:
    """A predictor: a Gaussian process with that kernel, on the trials' ranks unless ``to_targets`` says otherwise.

    Its hyperparameters maximise the marginal likelihood times log-normal priors (L-BFGS).
    """

    def __init__(self, space: SearchSpace, to_targets: Callable[[np.ndarray], np.ndarray] = rank_gaussianise) -> None:
        free = [*np.flatnonzero(space.fixed_ops < 0), *range(space.num_nodes, space.num_sites)]
        self.wl, self.sites = WeisfeilerLehman(space), np.array(free)
        self._to_targets = to_targets
        self._last = Remembered[np.ndarray]()

    def fit(self, codes: np.ndarray, scores: np.ndarray) -> ExactPosterior:
        """codes: (n, S) codes in the order of evaluation. scores: (n,), larger is better."""
        rows = spread_rows(scores[: prefix(len(scores), GROWTH)], MAX_ROWS)
        some, targets = codes[rows], self._to_targets(scores[rows])
        found = np.exp(self._last.get(some, targets, compute=lambda: self._likeliest(some, targets)))
        first, second, length, noise = found[:4].tolist()
        kernel = SlotAndSubtreeKernel(self.wl, self.sites, found[4:], (first, second), length)
        return ExactPosterior(kernel, codes, self._to_targets(scores), noise)

    def _likeliest(self, codes: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Logarithms of: both variances, the length, the noise, and each free site's weight."""
        differ = torch.from_numpy((codes[:, None, self.sites] != codes[None, :, self.sites]).astype(np.float64))
        apart = torch.from_numpy(1 - self.wl.matrix(codes, codes, DEPTH))
        y = torch.from_numpy(targets)
        # Random pairs are at a distance of one, in either term.
        typical = max(float(apart.mean()), 1e-3)
        weight = 1 / max(float(differ.sum(dim=-1).mean()), 1e-3)
        centre = torch.tensor(
            [VARIANCE, VARIANCE, typical, NOISE, *[weight] * len(self.sites)], dtype=torch.float64
        ).log()

        def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
            """The negative log posterior, and its slope."""
            parameters = torch.from_numpy(theta).requires_grad_()
            loss = _negative_log_posterior(parameters, centre, differ, apart, y)
            loss.backward()
            assert parameters.grad is not None
            return float(loss.detach()), parameters.grad.numpy()

        start = centre.numpy()
        bounds = [(value - 6, value + 6) for value in start]
        found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MAX_STEPS})
        return np.asarray(found.x)


def plain_process(space: SearchSpace, objective: Objective) -> GuidedGeneration:
    """The strategy ``gp``: ten random architectures first, then the maximum of the acquisition function.

    It is the true one in a small space that lists its architectures, else that of evolution over as many of them as
    ``bonag`` generates.
    """
    listed = space.size <= MAX_ENUMERATED and space.all() is not None
    candidates = AllCandidates(space) if listed else EvolutionCandidates(space)
    surrogate = BelievedSurrogate(space, objective, SlotAndSubtreeProcess(space))
    return GuidedGeneration(space, objective, surrogate, candidates, initial=10, starts=10, name="gp", design=fresh)


def _negative_log_posterior(parameters: Tensor, centre: Tensor, differ: Tensor, apart: Tensor, y: Tensor) -> Tensor:
    values = parameters.exp()
    # The square root has no slope at zero.
    root = (5 * (differ @ values[4:]) + 1e-10).sqrt()
    matrix = values[0] * (1 + root + root**2 / 3) * (-root).exp() + values[1] * (-apart / values[2]).exp()
    factor = torch.linalg.cholesky(matrix + (values[3] + 1e-6) * torch.eye(len(y), dtype=y.dtype))
    fit = torch.linalg.solve_triangular(factor, y[:, None], upper=False).square().sum() / 2
    prior = ((parameters - centre) / PRIOR_WIDTH).square().sum() / 2
    return fit + factor.diagonal().log().sum() + prior + math.log(2 * math.pi) * len(y) / 2
