"""A space of which every architecture was measured, and the search's own process on it, at little cost for all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from bonag.predictors.architecture_kernel import ArchitectureKernel, of_distances
from bonag.predictors.features import GraphFeatures
from bonag.predictors.gp import FittedProcess, GaussianProcess
from search_spaces import Architecture, SearchSpace


class Table:
    """N architectures with their codes (N, S), features (N, D), and values (N,), of which larger ones are better."""

    def __init__(self, space: SearchSpace, architectures: Sequence[Architecture], values: np.ndarray) -> None:
        self.space, self.architectures, self.values = space, architectures, values
        self.codes = space.codes(architectures)
        self.row_of = {architecture: row for row, architecture in enumerate(architectures)}
        self.predictor = TablePredictor(space, self.codes)


class Products:
    """Products of the features of rows with those of all rows, block by block, each row's computed once."""

    def __init__(self, space: SearchSpace, codes: np.ndarray) -> None:
        features = GraphFeatures(space)
        self.codes, self.blocks, self.features = codes, features.blocks, features(codes)
        self.row_of = {code.tobytes(): row for row, code in enumerate(codes)}
        self._blocks = {name: np.ascontiguousarray(self.features[:, columns]) for name, columns in self.blocks.items()}
        self.squares = {name: (block**2).sum(axis=1) for name, block in self._blocks.items()}
        self._known: dict[int, dict[str, np.ndarray]] = {}

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, D) features, as ``GraphFeatures``."""
        return self.features if codes is self.codes else self.features[self.rows(codes)]

    def rows(self, codes: np.ndarray) -> np.ndarray:
        """Where (B, S) codes are in the table: (B,)."""
        if codes is self.codes:
            return np.arange(len(codes))
        return np.array([self.row_of[code.tobytes()] for code in codes], dtype=np.int64)

    def of(self, name: str, rows: np.ndarray) -> np.ndarray:
        """A block's products of (n,) rows with all: (n, N)."""
        missing = [row for row in dict.fromkeys(rows.tolist()) if row not in self._known]
        found = {block: values[missing] @ values.T for block, values in self._blocks.items()} if missing else {}
        for place, row in enumerate(missing):
            self._known[row] = {block: products[place] for block, products in found.items()}
        return (
            np.stack([self._known[row][name] for row in rows.tolist()]) if len(rows) else np.zeros((0, len(self.codes)))
        )

    def forget(self) -> None:
        """Free the memory."""
        self._known.clear()


@dataclass(frozen=True, eq=False)
class TableKernel:
    """``ArchitectureKernel`` of rows of a table, which stand in the place of features as (n, 1) numbers."""

    products: Products
    kernel: ArchitectureKernel

    @property
    def level(self) -> float:
        """See ``ArchitectureKernel``."""
        return self.kernel.level

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, 1) rows."""
        return self.products.rows(codes)[:, None]

    def matrix(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, 1) and (m, 1) rows -> (n, m)."""
        if len(a) > len(b):
            return self.matrix(b, a).T
        rows, others = a[:, 0], b[:, 0]
        whole = len(others) == len(self.products.codes)
        total = np.zeros((len(a), len(b)))
        for place, (name, squares) in enumerate(self.products.squares.items()):
            products = self.products.of(name, rows)
            products = products if whole else products[:, others]
            distances = np.maximum(squares[rows][:, None] + squares[others] - 2 * products, 0)
            other = of_distances(name, torch.from_numpy(distances / self.kernel.lengths[place] ** 2))
            total += self.kernel.scales[place, 0] * products + self.kernel.scales[place, 1] * other.numpy()
        return total

    def variances(self, inputs: np.ndarray) -> np.ndarray:
        """(n, 1) rows -> (n,)."""
        squares = np.stack([block[inputs[:, 0]] for block in self.products.squares.values()])
        return np.asarray(self.kernel.scales[:, 0] @ squares + self.kernel.scales[:, 1].sum())


class TablePredictor(GaussianProcess):
    """The predictor ``gp`` of a table's rows."""

    def __init__(self, space: SearchSpace, codes: np.ndarray) -> None:
        self.features = self.products = Products(space, codes)  # type: ignore[assignment]

    def fit(self, codes: np.ndarray, scores: np.ndarray) -> FittedProcess:
        """See ``GaussianProcess``."""
        return self._of_rows(super().fit(codes, scores), codes)

    def prior(self) -> FittedProcess:
        """See ``GaussianProcess``."""
        return self._of_rows(super().prior(), self.products.codes[:0])

    def _of_rows(self, process: FittedProcess, codes: np.ndarray) -> FittedProcess:
        kernel = TableKernel(self.products, process.kernel)
        return replace(process, kernel=kernel, inputs=kernel.inputs(codes))  # type: ignore[arg-type]
