"""The graph that an architecture stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ArchGraph:
    """A directed acyclic graph with an operation on every node; node order is topological order.

    ops: (N,) int64 array of indices into the space's ``op_names``.
    adjacency: (N, N) bool array, strictly upper triangular; ``adjacency[i, j]`` is the edge i -> j.
    """

    ops: np.ndarray
    adjacency: np.ndarray

    def __post_init__(self) -> None:
        if self.ops.ndim != 1 or self.adjacency.shape != (len(self.ops), len(self.ops)):
            raise ValueError(f"ops must be (N,) and adjacency (N, N); got {self.ops.shape} and {self.adjacency.shape}")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ArchGraph)
            and np.array_equal(self.ops, other.ops)
            and np.array_equal(self.adjacency, other.adjacency)
        )

    def __hash__(self) -> int:
        return hash((self.ops.tobytes(), self.adjacency.tobytes()))
