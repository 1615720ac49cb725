"""The default strategy with several goals and constraints: pure, feasible where it can be, and better than chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bonag.strategies.making import make_strategy
from loops.dominance import hypervolume
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.seeding import rng_for
from search_spaces import Architecture, SearchSpace, get_space

OBJECTIVES = (
    Objective.parse(["quality", "-time"]),
    Objective.parse(["quality", "-params"], ["time<=4e7", "params>=100000"]),
)


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return get_space("nb201")


def measured(space: SearchSpace, index: int, cell: Architecture) -> Trial:
    """Quality wants wide layers and one skip; time and params are costs."""
    costs, text = space.costs(cell), str(cell)
    quality = costs.macs**0.5 / 1e3 + 3 * (text.count("skip") == 1) + text.count("3x3~0")
    metrics = {"quality": quality, "time": float(costs.macs), "params": float(costs.params)}
    return Trial(index, cell, TrialStatus.COMPLETED, metrics)


def random_history(space: SearchSpace, n: int, seed: int = 0) -> History:
    cells = list(dict.fromkeys(space.sample(2 * n, np.random.default_rng(seed))))[:n]
    return History(measured(space, i, cell) for i, cell in enumerate(cells))


@pytest.mark.parametrize("objective", [OBJECTIVES[1], pytest.param(OBJECTIVES[0], marks=pytest.mark.slow)], ids=str)
def test_proposals_are_a_pure_function_of_history_and_random_numbers(space: SearchSpace, objective: Objective) -> None:
    history = random_history(space, 24)
    history = history.updated(replace(history.trials[5], status=TrialStatus.RUNNING, metrics={}))
    used = make_strategy("bonag", space, objective)
    used.propose(random_history(space, 15, seed=1), 1, rng_for(1, 15))
    proposals = make_strategy("bonag", space, objective).propose(history, 2, rng_for(0, 24))
    assert used.propose(history, 2, rng_for(0, 24)) == proposals
    assert len({proposal.architecture for proposal in proposals} - history.seen) == 2
    assert [proposal.provenance["origin"] for proposal in proposals] == ["guided"] * 2


def test_counted_bounds_are_kept_from_the_first_guided_proposal_on(space: SearchSpace) -> None:
    objective = Objective.parse("quality", ["params<=200000", "params>=100000"])
    history = random_history(space, 15)
    for proposal in make_strategy("bonag", space, objective).propose(history, 5, rng_for(0, 15)):
        assert 100_000 <= space.costs(proposal.architecture).params <= 200_000


@pytest.mark.numeric
@pytest.mark.slow
def test_the_front_is_found_sooner_than_by_chance(space: SearchSpace) -> None:
    objective = OBJECTIVES[0]
    strategy, history = make_strategy("bonag", space, objective), random_history(space, 15)
    reference = objective.values(random_history(space, 400)).min(axis=0)
    while len(history) < 35:
        for proposal in strategy.propose(history, 4, rng_for(0, len(history))):
            history = history.updated(measured(space, len(history), proposal.architecture))
    chance = random_history(space, 70)
    found, expected = (hypervolume(objective.values(trials), reference) for trials in (history, chance))
    assert found > expected
