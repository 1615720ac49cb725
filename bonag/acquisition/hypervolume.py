"""Expected hypervolume improvement, as a logarithm that never vanishes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bonag.acquisition.gaussian_improvement import log_expected_improvement
from loops.protocols import Prediction


class LogExpectedHypervolumeImprovement:
    """log E[volume that an architecture adds to what the front dominates], its goals being independent Gaussians.

    What nothing dominates above the reference point is cut into boxes (Lacour et al., 2017, by BoTorch), and

        EHVI = sum over boxes k of product over goals j of (EI_j(l_kj) - EI_j(u_kj)),

    with EI_j(y) = E[max(Y_j - y, 0)] = integral from y of P(Y_j > t) dt, and l_k, u_k the corners of box k (Yang et
    al., 2019, "Multi-Objective Bayesian Global Optimization using expected hypervolume improvement gradient"). All sums
    are those of exponentials of logarithms (after Ament et al., 2023), so that hopeless architectures are told apart
    too.
    """

    def __init__(self, front: np.ndarray, reference: np.ndarray) -> None:
        """front: (k, m), larger is better; dominated points do no harm. reference: (m,), where volumes begin."""
        # An import of half a second, which one goal does not need.
        from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning

        points = torch.from_numpy(front[(front > reference).all(axis=1)])
        boxes = FastNondominatedPartitioning(torch.from_numpy(reference), points)
        lower, upper = boxes.get_hypercell_bounds()
        # Many boxes have corners in common.
        self._corners = [torch.unique(torch.cat([lower[:, j], upper[:, j]])) for j in range(len(reference))]
        self._lower = [torch.searchsorted(c, lower[:, j].contiguous()) for j, c in enumerate(self._corners)]
        self._upper = [torch.searchsorted(c, upper[:, j].contiguous()) for j, c in enumerate(self._corners)]

    def __call__(self, predictions: Sequence[Prediction]) -> np.ndarray:
        """One prediction of the same B architectures for each of the m goals -> (B,)."""
        total = torch.zeros(1, dtype=torch.float64)
        for j, (prediction, corners) in enumerate(zip(predictions, self._corners, strict=True)):
            above = _log_improvements(prediction, corners)
            total = total + _log_difference(above[:, self._lower[j]], above[:, self._upper[j]])
        return torch.logsumexp(total, dim=1).numpy()


def _log_improvements(prediction: Prediction, corners: Tensor) -> Tensor:
    """log EI of B scores on each of C corners: (B, C); -inf on an infinite one."""
    count, finite = len(prediction.mean), corners.isfinite()
    found = torch.full((count, len(corners)), -torch.inf, dtype=torch.float64)
    pairs = Prediction(*(np.repeat(part, int(finite.sum())) for part in (prediction.mean, prediction.stddev)))
    values = log_expected_improvement(pairs, np.tile(corners[finite].numpy(), count))
    found[:, finite] = torch.from_numpy(values).reshape(count, -1)
    return found


def _log_difference(larger: Tensor, smaller: Tensor) -> Tensor:
    """log(exp(larger) - exp(smaller)), -inf where nothing is left of it."""
    ratio = torch.where(smaller.isneginf(), smaller, smaller - larger).clamp_max(0)
    return larger + torch.log(-torch.expm1(ratio))
