"""Where the tests find the real data and the reference values."""

from __future__ import annotations

import os
from pathlib import Path

# One thread per process, here and in the processes that the tests start: on busy cores, several wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of benchmark tables (BONAG_DATA, or ../shared/data beside the checkout)."""
    path = Path(os.environ.get("BONAG_DATA", ROOT.parent / "shared" / "data"))
    if not (path / "nb201_accuracy.parquet").is_file():
        pytest.skip(f"needs benchmark data: {path} does not hold it (set BONAG_DATA)")
    return path


@pytest.fixture(scope="session")
def shared_fixtures() -> Path:
    """The folder of reference values (../shared/fixtures beside the checkout)."""
    path = Path(os.environ.get("BONAG_FIXTURES", ROOT.parent / "shared" / "fixtures"))
    if not (path / "nb201_costs.csv").is_file():
        pytest.skip(f"needs reference data: {path} does not hold it (set BONAG_FIXTURES)")
    return path
