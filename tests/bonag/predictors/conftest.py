"""Spaces, and real accuracies of real architectures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from search_spaces import SearchSpace, get_space


@pytest.fixture(scope="session")
def nb201() -> SearchSpace:
    return get_space("nb201")


@pytest.fixture(scope="session")
def mbv3() -> SearchSpace:
    return get_space("mbv3")


@pytest.fixture(scope="session")
def all_cells(nb201: SearchSpace) -> np.ndarray:
    """The operations of all 15,625 cells: (15625, 8)."""
    return nb201.codes(nb201.all())  # type: ignore[attr-defined]


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
def draw_ops() -> Callable[[SearchSpace, int, int], np.ndarray]:
    """Operations of distinct random architectures: (space, n, seed) -> (n, N)."""

    def draw(space: SearchSpace, n: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        distinct: dict[object, None] = {}
        while len(distinct) < n:
            distinct |= dict.fromkeys(space.sample(n, rng))
        return space.codes(list(distinct)[:n])  # type: ignore[arg-type]

    return draw


@pytest.fixture(scope="session")
def flow() -> Callable[[SearchSpace, np.ndarray], np.ndarray]:
    """A made-up accuracy, which depends on what a network computes: every operation has a gain, zero for the null
    operation and one for the identity, and what arrives at the output is the sum over all paths of their products."""

    def value(space: SearchSpace, ops: np.ndarray) -> np.ndarray:
        gains = np.exp(np.random.default_rng(0).normal(scale=0.3, size=len(space.op_names)))
        gains[[op for op in (space.null_op,) if op is not None]] = 0
        gains[[op for op in (space.identity_op, *space.fixed_ops) if op is not None and op >= 0]] = 1
        assert space.adjacency is not None
        signal = gains[ops]
        for node in range(1, space.num_nodes):
            signal[:, node] *= signal[:, space.adjacency[:, node]].sum(axis=1)
        return signal[:, -1]

    return value
