"""Data sets small enough to be made in a test, and a chain whose networks are trained in an instant."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from search_spaces import SearchSpace, get_space

SPACE = "nb201"
CELL = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_3x3~2|"


@pytest.fixture
def shapes() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Makes n images (n, side, side) of two classes that are easily told apart, and their labels."""

    def make(n: int = 40, side: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        labels = np.arange(n) % 2
        images = rng.integers(0, 60, (n, side, side), dtype=np.uint8)
        images[labels == 1, : side // 2] += 190
        return images, labels

    return make


@pytest.fixture
def small(tmp_path: Path, shapes: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Path:
    """A data set in a file."""
    x, y = shapes(120)
    path = tmp_path / "small.npz"
    np.savez(path, x=x, y=y)
    return path


@pytest.fixture(scope="session")
def space() -> SearchSpace:
    return get_space(SPACE)


@pytest.fixture(scope="session")
def architecture(space: SearchSpace) -> object:
    return space.parse(CELL)


@pytest.fixture
def debian_fashion() -> Path:
    """Where Debian's package has Fashion-MNIST."""
    path = Path("/usr/share/datasets/fashion-mnist")
    if not path.is_dir():
        pytest.skip(f"needs Fashion-MNIST: {path} is not there (apt-get install dataset-fashion-mnist)")
    return path


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder of data is named."""
    monkeypatch.delenv("BONAG_DATA", raising=False)
    assert "BONAG_DATA" not in os.environ
