"""The covariance between architectures: a sum of kernels over blocks of features."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bonag.predictors.features import GraphFeatures

# Of the terms of a block, in this order.
KINDS = ("additive", "interactions")


@dataclass(frozen=True, eq=False)
class ArchitectureKernel:
    """The sum over blocks b of scales[b, 0] <x_b, y_b> + scales[b, 1] k_b(|x_b - y_b| / lengths[b]).

    Additive effects, and interactions: among slots k is the Matern-5/2 kernel on one-hots, that is a function of the
    number of slots, or of slots' attributes, that differ; among counts of any kind it is the RBF kernel.

    scales: (blocks, 2), lengths: (blocks,), in the order of ``features.blocks``.
    """

    features: GraphFeatures
    scales: np.ndarray
    lengths: np.ndarray

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, D) features."""
        return self.features(codes)

    def matrix(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, D) and (m, D) features -> (n, m)."""
        total = torch.zeros(len(a), len(b), dtype=torch.float64)
        one, other = torch.from_numpy(a), torch.from_numpy(b)
        for place, (name, columns) in enumerate(self.features.blocks.items()):
            products, distances = products_and_distances(_block(one, columns), _block(other, columns))
            kernel, _ = interactions(name, distances.div_(self.lengths[place] ** 2))
            total.add_(products, alpha=self.scales[place, 0]).add_(kernel, alpha=self.scales[place, 1])
        return total.numpy()

    @property
    def level(self) -> float:
        """The mean variance of uniform random architectures: every term has one times its scale."""
        return float(self.scales.sum())

    def variances(self, inputs: np.ndarray) -> np.ndarray:
        """(n, D) features -> (n,)."""
        squares = [
            (inputs[:, columns[0] : columns[-1] + 1] ** 2).sum(axis=1) for columns in self.features.blocks.values()
        ]
        return self.scales[:, 0] @ np.stack(squares) + self.scales[:, 1].sum()

    def terms(self) -> dict[tuple[str, str], ArchitectureKernel]:
        """The kernels of which it is the sum, by block of features and kind."""
        alone = np.eye(self.scales.size).reshape(-1, *self.scales.shape)
        names = [(block, kind) for block in self.features.blocks for kind in KINDS]
        return {name: replace(self, scales=self.scales * one) for name, one in zip(names, alone, strict=True)}


def products_and_distances(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Inner products and squared distances of the rows of (n, d) and (m, d): (n, m) each."""
    products = a @ b.T
    squares = (a**2).sum(dim=1)[:, None] + (b**2).sum(dim=1)
    return products, squares.sub_(products, alpha=2).clamp_min_(0)


def interactions(block: str, distances: Tensor) -> tuple[Tensor, Tensor]:
    """The kernel k of a block at scaled squared distances, and its slope by the logarithm of the length."""
    if block != "slots":
        kernel = torch.exp(-0.5 * distances)
        return kernel, kernel * distances
    root = (5 * distances).sqrt_()
    decay = torch.exp(-root)
    return (1 + root + 5 / 3 * distances).mul_(decay), (1 + root).mul_(decay).mul_(distances).mul_(5 / 3)


def _block(inputs: Tensor, columns: tuple[int, ...]) -> Tensor:
    """The columns of a block, which stand side by side."""
    return inputs[:, columns[0] : columns[-1] + 1]
