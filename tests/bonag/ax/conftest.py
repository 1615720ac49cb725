"""Ax clients whose candidates bonag proposes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from ax import Client

from bonag.ax import generation_strategy, parameters
from search_spaces import Architecture, get_space

MakeClient = Callable[..., Client]


def _metrics_of(architecture: Architecture, space: str) -> dict[str, float]:
    costs, (code,) = get_space(space).costs(architecture), get_space(space).codes([architecture])
    # The second part tells architectures of the same cost apart.
    return {"accuracy": math.log(costs.macs) + 0.1 * code @ np.sin(np.arange(len(code))), "size": costs.params / 1e6}


@pytest.fixture
def metrics_of() -> Callable[[Architecture, str], dict[str, float]]:
    """Numbers that cost nothing: a pretended accuracy, which grows with the MACs, and params in millions."""
    return _metrics_of


@pytest.fixture
def evaluate() -> Callable[[Client, str, int], None]:
    """Go on by n trials, of which every fifth fails."""
    return _evaluate


@pytest.fixture
def make_client() -> MakeClient:
    """A client with bonag's node and n completed trials; every fifth trial fails."""

    def make(
        space: str = "nb201",
        n: int = 0,
        objective: str = "accuracy",
        constraints: Sequence[str] = (),
        name: str = "test",
        client: Client | None = None,
        **options: object,
    ) -> Client:
        client = client or Client()
        client.configure_experiment(parameters=parameters(space), name=name)
        client.configure_optimization(objective, list(constraints))
        client.set_generation_strategy(generation_strategy(space, **options))
        _evaluate(client, space, n)
        return client

    return make


def _evaluate(client: Client, space: str, n: int) -> None:
    names = client._experiment.optimization_config.metric_names
    for index, values in ((i, v) for _ in range(n) for i, v in client.get_next_trials(1).items()):
        if index % 5 == 4:
            client.mark_trial_failed(index, "out of memory")
            continue
        measured = _metrics_of(get_space(space).from_parameters(values), space)
        client.complete_trial(index, {name: measured[name] for name in names})
