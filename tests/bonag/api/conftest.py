from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from bonag import Result
from search_spaces import Architecture


def kernel_count(architecture: Architecture) -> float:
    """A value with ties and local optima, which anybody can compute."""
    text = str(architecture)
    return 10.0 * text.count("3x3") + len(text) % 7


@pytest.fixture
def measure() -> Callable[[Architecture], float]:
    """A user's own evaluation."""
    return kernel_count


@pytest.fixture
def table() -> Callable[[Result], pd.DataFrame]:
    """The trials of a result without their times."""

    def without_times(result: Any) -> pd.DataFrame:
        return result.trials.drop(columns=["proposal_seconds", "evaluation_seconds", "proposed_at", "ended_at"])

    return without_times
