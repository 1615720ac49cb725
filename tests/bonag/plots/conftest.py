from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loops.history import History, Trial, TrialStatus
from search_spaces import Architecture, get_space

Make = Callable[..., History]


@pytest.fixture(scope="session")
def architectures() -> list[Architecture]:
    return get_space("nb201").sample(200, np.random.default_rng(0))


@pytest.fixture(scope="session")
def make(architectures: list[Architecture]) -> Make:
    """Trials with these accuracies; None failed. Other metrics by name, of the same length."""

    def history(accuracies: list[float | None], **others: list[float]) -> History:
        trials = []
        for i, value in enumerate(accuracies):
            times: Any = {"proposal_seconds": 0.5, "evaluation_seconds": 1.0}
            metrics = {"accuracy": value, **{name: column[i] for name, column in others.items()}}
            ended = {"status": TrialStatus.FAILED, "reason": "out of memory"}
            if value is not None:
                ended = {"status": TrialStatus.COMPLETED, "metrics": metrics}
            trials.append(Trial(i, architectures[i % len(architectures)], **ended, **times))
        return History(trials)

    return history


@pytest.fixture(scope="session")
def many(make: Make) -> History:
    """5,000 trials with three metrics, of which one in fifty failed."""
    rng = np.random.default_rng(0)
    accuracies = [None if i % 50 == 7 else float(a) for i, a in enumerate(94 - rng.gamma(2, 2, 5000))]
    return make(accuracies, latency_pixel3=rng.gamma(4, 1, 5000).tolist(), params=rng.uniform(1e5, 1e6, 5000).tolist())
