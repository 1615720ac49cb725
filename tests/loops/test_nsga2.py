"""NSGA-II as a pure function of the history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2 as PymooNSGA2
from pymoo.core.population import Population
from pymoo.core.problem import Problem

from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.seeding import rng_for
from loops.strategies import NSGA2
from search_spaces import Architecture, SearchSpace, get_space

TWO = Objective.parse(["accuracy", "-latency"])
BOUNDED = Objective.parse("accuracy", ["latency<=0.4"])
C, F, R, A = TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.RUNNING, TrialStatus.ABANDONED


def history_of(space: SearchSpace, statuses: list[TrialStatus], seed: int = 0) -> History:
    rng = np.random.default_rng(seed)
    distinct: dict[Architecture, None] = {}
    while len(distinct) < len(statuses):
        distinct |= dict.fromkeys(space.sample(len(statuses), rng))
    return History(
        Trial(i, a, status, {"accuracy": rng.random(), "latency": rng.random()} if status is C else {})
        for i, (a, status) in enumerate(zip(distinct, statuses, strict=False))
    )


@pytest.mark.parametrize("objective", [TWO, BOUNDED, Objective.parse(["accuracy", "-latency"], ["latency<=0.4"])])
@pytest.mark.parametrize("seed", range(3))
def test_survivors_are_those_of_pymoos_own_algorithm(objective: Objective, seed: int) -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * 60, seed)
    survivors = NSGA2(space, objective, population=15).survivors(history, np.random.default_rng(seed))

    values = np.array([[trial.metrics["accuracy"], trial.metrics["latency"]] for trial in history.completed])
    goals = np.column_stack([-values[:, 0], values[:, 1]])[:, : len(objective.goals)]
    bound = values[:, 1:] - 0.4 if objective.constraints else np.zeros((60, 0))
    everyone = Population.new(X=space.codes([t.architecture for t in history])[:, 1:-1], F=goals, G=bound)
    problem = Problem(n_var=6, n_obj=goals.shape[1], n_ieq_constr=bound.shape[1])
    theirs = PymooNSGA2().survival.do(problem, everyone, n_survive=15, random_state=np.random.default_rng(seed))
    assert sorted(map(tuple, survivors.get("X").tolist())) == sorted(map(tuple, theirs.get("X").tolist()))


@pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", "darts", "nbgraph"])
@pytest.mark.parametrize("statuses", [[], [C] * 30, [C, F, R, A] * 8, [F] * 30, [R] * 30, [C] + [F] * 29])
def test_proposals_are_distinct_new_valid_and_a_pure_function(name: str, statuses: list[TrialStatus]) -> None:
    space = get_space(name)
    history = history_of(space, statuses)
    used = NSGA2(space, TWO)
    used.propose(history_of(space, [C] * 25, seed=1), 2, rng_for(1, 1))
    proposals = used.propose(history, 4, rng_for(0, len(history)))
    architectures = [proposal.architecture for proposal in proposals]
    assert len(set(architectures)) == 4
    assert not set(architectures) & history.seen
    assert [space.parse(str(architecture)) for architecture in architectures] == architectures
    anew = History(replace(trial, proposed_at=1.0) for trial in reversed(history.trials))
    assert NSGA2(space, TWO).propose(anew, 4, rng_for(0, len(history))) == proposals


def test_children_are_of_the_survivors() -> None:
    # All that survives agrees in five of six edges, so the children do, up to a mutation.
    space = get_space("nb201")
    centre = space.sample(1, np.random.default_rng(0))[0]
    good = [a for a in space.neighbours(centre) if space.codes([a])[0, 1] != space.codes([centre])[0, 1]]
    others = [a for a in space.sample(60, np.random.default_rng(1)) if a not in good]
    trials = [Trial(i, a, C, {"accuracy": 1.0, "latency": 0.0}) for i, a in enumerate(good)]
    trials += [
        Trial(len(good) + i, a, C, {"accuracy": 0.0, "latency": 1.0}) for i, a in enumerate(dict.fromkeys(others))
    ]
    strategy = NSGA2(space, TWO, population=len(good))
    proposals = strategy.propose(History(trials), 10, rng_for(0, 0))
    assert {proposal.provenance["origin"] for proposal in proposals} == {"crossover"}
    same = space.codes([p.architecture for p in proposals])[:, 2:-1] == space.codes([centre])[:, 2:-1]
    assert same.mean() > 0.6


def test_a_small_space_is_emptied_without_a_repetition(tiny_space: SearchSpace) -> None:
    strategy, history = NSGA2(tiny_space, TWO, population=4), History()
    while proposals := strategy.propose(history, 4, rng_for(0, len(history))):
        start = len(history)
        history = history.updated(
            *(
                Trial(i, p.architecture, C, {"accuracy": i % 5, "latency": i % 3})
                for i, p in enumerate(proposals, start)
            )
        )
        assert len(history.seen) == len(history)
    assert len(history) == tiny_space.size


def test_a_population_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="population"):
        NSGA2(get_space("nb201"), TWO, population=1)
