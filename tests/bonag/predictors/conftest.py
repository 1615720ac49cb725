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
    return nb201.encode_ops(nb201.all())  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def accuracies(nb201: SearchSpace, data_dir: Path) -> Callable[[str, np.ndarray], np.ndarray]:
    """Measured test accuracies of a task, by operations: (task, (B, 8)) -> (B,)."""
    table = pd.read_parquet(data_dir / "nb201_accuracy.parquet").set_index("arch")
    keys = nb201.encode_ops([nb201.parse(text) for text in table.index])
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
        return space.encode_ops(list(distinct)[:n])  # type: ignore[arg-type]

    return draw


@pytest.fixture(scope="session")
def smooth() -> Callable[[SearchSpace, np.ndarray], np.ndarray]:
    """A made-up accuracy: every operation is worth something in every slot, and neighbours interact a little."""

    def value(space: SearchSpace, ops: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(0)
        slots = np.arange(space.num_nodes)
        worth = rng.normal(size=(space.num_nodes, len(space.op_names)))
        pairs = rng.normal(size=(len(space.op_names), len(space.op_names)))
        return worth[slots, ops].sum(axis=1) + 0.3 * pairs[ops[:, :-1], ops[:, 1:]].sum(axis=1)

    return value
