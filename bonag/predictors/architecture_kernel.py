"""The covariance between architectures: a sum of kernels over blocks of features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from gpytorch.constraints import Positive
from gpytorch.kernels import Kernel
from gpytorch.priors import LogNormalPrior
from torch import Tensor, nn

from bonag.predictors.features import GraphFeatures

# Of the terms of a block, in this order.
KINDS = ("additive", "interactions")
# Medians of the log-normal priors: on targets of unit variance and blocks of unit spread, each term explains half of
# the variance, and correlations die out over the distance of random pairs.
OUTPUT_SCALE, LENGTHSCALE = 0.5, 1.0
PRIOR_WIDTH = 1.0


class BlockKernel(Kernel):
    """The sum over blocks b of scales[b, 0] <x_b, y_b> + scales[b, 1] k_b(|x_b - y_b| / lengths[b]).

    Additive effects, and interactions: among slots k is the Matern-5/2 kernel on one-hots, that is a function of the
    number of slots, or of slots' attributes, that differ; among counts of any kind it is the RBF kernel. GPyTorch's own
    kernels for each term, scaled and added, are the same, and take ten times as long.

    scales: (blocks, 2), lengths: (blocks,), in the order of ``features.blocks``; at the medians of their priors at
    first. Their logarithms are the parameters.
    """

    def __init__(self, features: GraphFeatures) -> None:
        super().__init__()
        self.blocks = dict(features.blocks)
        shape = (len(self.blocks), len(KINDS))
        for name, closure, initial in (
            ("scales", _scales, torch.full(shape, OUTPUT_SCALE)),
            ("lengths", _lengths, torch.full(shape[:1], LENGTHSCALE)),
        ):
            self.register_parameter(f"raw_{name}", nn.Parameter(initial.double().log()))
            self.register_constraint(f"raw_{name}", logarithmic())
            median = math.log(float(initial.flatten()[0]))
            self.register_prior(f"{name}_prior", LogNormalPrior(median, PRIOR_WIDTH), closure)

    @property
    def scales(self) -> Tensor:
        """(blocks, 2)."""
        return self.raw_scales.exp()

    @property
    def lengths(self) -> Tensor:
        """(blocks,)."""
        return self.raw_lengths.exp()

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """(n, D) and (m, D) -> (n, m), or (n,) if only the diagonal is asked for."""
        # Plain numbers where no slopes are asked for: each operation on a small tensor takes microseconds.
        scales, lengths = (x if torch.is_grad_enabled() else x.tolist() for x in (self.scales, self.lengths))
        total: Tensor | float = 0.0
        for place, (name, products, distances) in enumerate(self.parts(x1, x2, diag)):
            kernel = of_distances(name, distances / lengths[place] ** 2)
            total = total + scales[place][0] * products + scales[place][1] * kernel
        return torch.as_tensor(total)

    def parts(self, x1: Tensor, x2: Tensor, diag: bool = False) -> list[tuple[str, Tensor, Tensor]]:
        """Of each block its name, and inner products and squared distances of rows: (n, m) each, or (n,)."""
        found = []
        for name, columns in self.blocks.items():
            # The columns of a block stand side by side.
            one, other = (x[..., columns[0] : columns[-1] + 1] for x in (x1, x2))
            if diag:
                found.append((name, (one * other).sum(dim=-1), ((one - other) ** 2).sum(dim=-1)))
                continue
            products = one @ other.mT
            squares = (one**2).sum(dim=-1)[..., :, None] + (other**2).sum(dim=-1)[..., None, :]
            found.append((name, products, squares.sub_(products, alpha=2).clamp_min_(0)))
        return found


def of_distances(block: str, distances: Tensor) -> Tensor:
    """The kernel k of a block at scaled squared distances."""
    if block != "slots":
        return torch.exp(-0.5 * distances)
    # The root has no slope at zero; there the kernel's own is zero.
    root = (5 * distances).clamp_min(1e-30).sqrt()
    return (1 + root + 5 / 3 * distances) * torch.exp(-root)


def slopes(block: str, distances: Tensor, kernel: Tensor) -> Tensor:
    """Those of a block's ``kernel`` at scaled squared distances by the logarithm of the length."""
    if block != "slots":
        return kernel * distances
    root = (5 * distances).sqrt()
    return 5 / 3 * distances * (1 + root) * torch.exp(-root)


def logarithmic() -> Positive:
    """The constraint of parameters that are logarithms."""
    return Positive(transform=torch.exp, inv_transform=torch.log)


@dataclass(frozen=True, eq=False)
class ArchitectureKernel:
    """A ``BlockKernel`` with its hyperparameters, of codes."""

    features: GraphFeatures
    module: BlockKernel

    @classmethod
    def of(cls, features: GraphFeatures, scales: np.ndarray, lengths: np.ndarray) -> Self:
        """That of (blocks, 2) scales and (blocks,) lengths."""
        module = BlockKernel(features)
        with torch.no_grad():
            module.raw_scales.copy_(torch.from_numpy(scales).log())
            module.raw_lengths.copy_(torch.from_numpy(lengths).log())
        return cls(features, module)

    @property
    def scales(self) -> np.ndarray:
        """(blocks, 2)."""
        return np.asarray(self.module.scales.detach().numpy())

    @property
    def lengths(self) -> np.ndarray:
        """(blocks,)."""
        return np.asarray(self.module.lengths.detach().numpy())

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, D) features."""
        return self.features(codes)

    @torch.no_grad()
    def matrix(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, D) and (m, D) features -> (n, m)."""
        return np.asarray(self.module.forward(torch.from_numpy(a), torch.from_numpy(b)).numpy())

    @property
    def level(self) -> float:
        """The mean variance of uniform random architectures: every term has one times its scale."""
        return float(self.scales.sum())

    def variances(self, inputs: np.ndarray) -> np.ndarray:
        """(n, D) features -> (n,): k is one at no distance, so that interactions have their whole scale."""
        additive, interactions = self.scales.T
        squares = np.stack([(inputs[:, c[0] : c[-1] + 1] ** 2).sum(axis=1) for c in self.module.blocks.values()])
        return np.asarray(additive @ squares + interactions.sum())

    def terms(self) -> dict[tuple[str, str], Self]:
        """The kernels of which it is the sum, by block of features and kind."""
        alone = np.eye(self.scales.size).reshape(-1, *self.scales.shape)
        names = [(block, kind) for block in self.features.blocks for kind in KINDS]
        return {
            name: self.of(self.features, self.scales * one, self.lengths)
            for name, one in zip(names, alone, strict=True)
        }


def _scales(kernel: BlockKernel) -> Tensor:
    return kernel.scales


def _lengths(kernel: BlockKernel) -> Tensor:
    return kernel.lengths
