"""Spaces, and real accuracies of real architectures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from search_spaces import ArchGraph, Architecture, SearchSpace, get_space
from search_spaces.nb201 import NB201


class LearnedCells(NB201):
    """The cells of NAS-Bench-201 with edges only where something passes: all pairs of nodes are free edges, and
    operations that are joined in a cell are joined in its graph if neither is ``none``."""

    name = "learned-cells"
    codes = SearchSpace.codes

    def __init__(self) -> None:
        super().__init__()
        self._joined = self.adjacency
        self.adjacency = np.zeros_like(self._joined)
        self.free_edges = np.argwhere(np.triu(np.ones(self._joined.shape), k=1))

    def encode(self, architecture: Architecture) -> ArchGraph:
        ops = super().encode(architecture).ops
        passing = ops != self.null_op
        return ArchGraph(ops, self._joined & passing[:, None] & passing)


@pytest.fixture(scope="session")
def nb201() -> SearchSpace:
    return get_space("nb201")


@pytest.fixture(scope="session")
def mbv3() -> SearchSpace:
    return get_space("mbv3")


@pytest.fixture(scope="session")
def nb101() -> SearchSpace:
    return get_space("nb101")


@pytest.fixture(scope="session")
def nbgraph() -> SearchSpace:
    return get_space("nbgraph")


@pytest.fixture(scope="session")
def darts() -> SearchSpace:
    return get_space("darts")


@pytest.fixture(scope="session")
def learned_cells() -> SearchSpace:
    return LearnedCells()


@pytest.fixture(scope="session")
def all_cells(nb201: SearchSpace) -> np.ndarray:
    """The operations of all 15,625 cells: (15625, 8)."""
    return nb201.codes(nb201.all())


@pytest.fixture(scope="session")
def accuracies(nb201: SearchSpace, data_dir: Path) -> Callable[[str, np.ndarray], np.ndarray]:
    """Measured test accuracies of a task, by operations: (task, (B, 8)) -> (B,)."""
    table = pd.read_parquet(data_dir / "nb201_accuracy.parquet").set_index("arch")
    keys = nb201.codes([nb201.parse(text) for text in table.index])
    place = {row.tobytes(): number for number, row in enumerate(keys)}

    def look_up(task: str, ops: np.ndarray) -> np.ndarray:
        return table[f"{task}_test_200ep"].to_numpy()[[place[row.tobytes()] for row in ops]]

    return look_up


@pytest.fixture(scope="session")
def draw_codes() -> Callable[[SearchSpace, int, int], np.ndarray]:
    """Codes of distinct random architectures: (space, n, seed) -> (n, S)."""

    def draw(space: SearchSpace, n: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        distinct: dict[Architecture, None] = {}
        while len(distinct) < n:
            distinct |= dict.fromkeys(space.sample(n, rng))
        return space.codes(list(distinct)[:n])

    return draw


@pytest.fixture(scope="session")
def flow() -> Callable[[SearchSpace, np.ndarray], np.ndarray]:
    """A made-up accuracy, which depends on what a network computes: every operation has a gain, zero for the null
    operation and one for the identity, and what arrives at the outputs is the sum over all paths of their products."""

    def value(space: SearchSpace, codes: np.ndarray) -> np.ndarray:
        gains = np.exp(np.random.default_rng(0).normal(scale=0.3, size=len(space.op_names)))
        gains[[op for op in (space.null_op,) if op is not None]] = 0
        gains[[op for op in (space.identity_op, *space.fixed_ops) if op is not None and op >= 0]] = 1
        signal, edges = gains[codes[:, : space.num_nodes]], space.adjacencies(codes)
        fed = space.adjacency.any(axis=0)
        fed[space.free_edges[:, 1]] = True
        for node in np.flatnonzero(fed):
            signal[:, node] *= (signal * edges[:, :, node]).sum(axis=1)
        ends = ~space.adjacency.any(axis=1)
        ends[space.free_edges[:, 0]] = False
        return signal[:, ends].sum(axis=1)

    return value
