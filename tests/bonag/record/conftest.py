"""Runs to record."""

from __future__ import annotations

import numpy as np
import pytest

from loops.config import RunConfig
from loops.history import Trial, TrialStatus
from search_spaces import get_space


@pytest.fixture
def config() -> RunConfig:
    """A run in NAS-Bench-201."""
    return RunConfig(name="a-run", space="nb201", evaluator="table", task="cifar10", budget=50, strategy="evolution")


@pytest.fixture
def trials() -> list[Trial]:
    """Six running trials with all that a trial can have."""
    architectures = get_space("nb201").sample(6, np.random.default_rng(0))
    return [
        Trial(
            index=index,
            architecture=architecture,
            status=TrialStatus.RUNNING,
            provenance={"origin": "mutation", "parent": index, "ucb": 0.1 + 0.2, "none": None, "set": [1, 2]},
            proposed_at=1e9 + index / 3,
            proposal_seconds=1 / 7,
        )
        for index, architecture in enumerate(architectures)
    ]
