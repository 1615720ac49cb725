"""The shipped generators, and samples of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bonag.generators.artifact import load_generator
from bonag.generators.generator import DiffusionGenerator
from search_spaces import get_space

Score = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="session")
def generators() -> dict[str, DiffusionGenerator]:
    return {name: load_generator(get_space(name)) for name in ("nb201", "mbv3")}


@pytest.fixture(scope="session")
def raw_samples(generators: dict[str, DiffusionGenerator]) -> dict[str, np.ndarray]:
    """Unguided samples before the projection: (500, N) operations of each space."""
    return {name: generator.raw_sample(500, np.random.default_rng(0)) for name, generator in generators.items()}


@pytest.fixture(scope="session")
def nearness() -> Callable[[np.ndarray], Score]:
    """Minus the number of nodes in which a graph differs from a target: (N,) -> a function (B, N) -> (B,)."""

    def to(target: np.ndarray) -> Score:
        return lambda ops: -(ops != target).sum(axis=1).astype(np.float64)

    return to
