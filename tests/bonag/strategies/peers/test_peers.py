"""Optimisers of other packages, the real ones: pure, never repeating themselves, and they learn."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bonag.roles import STRATEGIES
from bonag.strategies.making import make_strategy
from bonag.strategies.peers.peer import Peer
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.seeding import rng_for
from search_spaces import Architecture, SearchSpace, get_space
from search_spaces.errors import UserError

ACCURACY = Objective.parse("accuracy")
# By name, how many random architectures come first.
FIRST = {"optuna-tpe": 10, "optuna-gp": 10, "smac": 10, "nevergrad": 10, "hyperopt": 20, "syne-tune-bore": 6}
each = pytest.mark.parametrize("name", FIRST)
C, F, R, A = TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.RUNNING, TrialStatus.ABANDONED


def history_of(space: SearchSpace, statuses: list[TrialStatus], seed: int = 0) -> History:
    """Distinct random architectures; the first parameter decides nearly all, and its last value is the good one."""
    rng = np.random.default_rng(seed)
    distinct: dict[Architecture, None] = {}
    while len(distinct) < len(statuses):
        distinct |= dict.fromkeys(space.sample(len(statuses), rng))
    return History(
        Trial(i, a, status, {"accuracy": 90.0 + is_good(space, a) + i * 7 % 13 / 100} if status is C else {})
        for i, (a, status) in enumerate(zip(distinct, statuses, strict=False))
    )


def is_good(space: SearchSpace, architecture: Architecture) -> bool:
    first = space.parameters()[0]
    return space.to_parameters(architecture)[first.name] == first.values[-1]


def test_these_are_all() -> None:
    made = {name for name, path in STRATEGIES.built_in.items() if path.startswith("bonag.strategies.peers.")}
    assert made == set(FIRST)


@pytest.mark.slow
@each
@pytest.mark.parametrize("space_name", ["nb201", "nb101", "mbv3"])
def test_proposals_are_new_distinct_valid_and_a_pure_function(
    space_name: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    space = get_space(space_name)
    history = history_of(space, [C, F, R, A, C] * 10)
    used = make_strategy(name, space, ACCURACY)
    used.propose(history_of(space, [C] * 20, seed=1), 1, rng_for(1, 1))
    np.random.seed(7)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    proposals = used.propose(history, 3, rng_for(0, len(history)))
    architectures = [proposal.architecture for proposal in proposals]
    assert len(set(architectures)) == 3
    assert not set(architectures) & history.seen
    assert [space.parse(str(architecture)) for architecture in architectures] == architectures
    assert {proposal.provenance["origin"] for proposal in proposals} == {"optimiser"}
    # What is global is as it was, and nothing is left behind.
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002
    assert logging.root.manager.disable == logging.NOTSET
    assert list(tmp_path.iterdir()) == []
    np.random.seed(8)  # noqa: NPY002
    anew = History(replace(trial, proposed_at=1.0) for trial in reversed(history.trials))
    assert make_strategy(name, space, ACCURACY).propose(anew, 3, rng_for(0, len(history))) == proposals


@each
def test_a_search_begins_with_random_ones_in_place_of_which_failed_ones_are_drawn_anew(name: str) -> None:
    space = get_space("nb201")
    strategy = make_strategy(name, space, ACCURACY)
    for history in (History(), history_of(space, [C] * (FIRST[name] - 3) + [F] * 5), history_of(space, [F] * 30)):
        proposals = strategy.propose(history, 3, rng_for(0, len(history)))
        assert [proposal.provenance["origin"] for proposal in proposals] == ["random"] * 3


@pytest.mark.slow
@each
def test_a_batch_goes_on_from_the_random_ones(name: str) -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * (FIRST[name] - 1))
    origins = [p.provenance["origin"] for p in make_strategy(name, space, ACCURACY).propose(history, 3, rng_for(0, 9))]
    assert origins == ["random", "optimiser", "optimiser"]


@pytest.mark.slow
@pytest.mark.numeric
@each
@pytest.mark.parametrize("sign", [1, -1])
def test_what_decides_nearly_all_is_preferred(name: str, sign: int) -> None:
    space, objective = get_space("nb201"), Objective.parse("accuracy" if sign > 0 else "-error")
    history = history_of(space, [C] * 40)
    if sign < 0:
        history = History(replace(t, metrics={"error": 100 - t.metrics["accuracy"]}) for t in history)
    strategy = make_strategy(name, space, objective)
    proposed = [p.architecture for seed in range(5) for p in strategy.propose(history, 4, rng_for(seed, 40))]
    # Random ones are good in one case of five.
    assert np.mean([is_good(space, architecture) for architecture in proposed]) > 0.4


@pytest.mark.slow
@each
def test_equal_values_are_survived(name: str) -> None:
    space = get_space("nb201")
    for value in (0.0, 91.5):
        equal = History(replace(t, metrics={"accuracy": value}) for t in history_of(space, [C] * 24))
        assert len(make_strategy(name, space, ACCURACY).propose(equal, 2, rng_for(0, 24))) == 2


@pytest.mark.slow
@each
def test_a_small_space_is_emptied_without_a_repetition(name: str, letters: SearchSpace) -> None:
    strategy, history = make_strategy(name, letters, ACCURACY), History()
    while proposals := strategy.propose(history, 4, rng_for(0, len(history))):
        start = len(history)
        history = history.updated(
            *(
                Trial(i, p.architecture, *((F, {}) if i % 6 == 5 else (C, {"accuracy": float(i * 7 % 5)})))
                for i, p in enumerate(proposals, start)
            )
        )
        assert len(history.seen) == len(history)
    assert len(history) == letters.size


def test_an_optimiser_that_repeats_itself_is_asked_again_and_then_replaced() -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * 12)
    known, other = (space.to_parameters(a) for a in (history.trials[0].architecture, space.sample(1, rng_for(9, 9))[0]))
    wanted = iter([known] * 9 + [other] + [known] * 10)
    asked = 0

    class Stuck(Peer):
        name, package, module = "stuck", "numpy", "numpy"

        def ask(self, told, seed):  # type: ignore[no-untyped-def]
            nonlocal asked
            assert [one.cost for one in told] == [-t.metrics["accuracy"] for t in history]
            for values in wanted:
                asked += 1
                yield {one.name: one.values.index(values[one.name]) for one in self.parameters}

    found = Stuck(space, ACCURACY).propose(history, 2, rng_for(0, 12))
    assert asked == 20
    assert [p.provenance["origin"] for p in found] == ["optimiser", "random"]
    assert space.to_parameters(found[0].architecture) == other
    assert found[1].architecture not in history.seen
    # One that has no more to say is not asked again.
    origins = [p.provenance["origin"] for p in Stuck(space, ACCURACY).propose(history, 2, rng_for(0, 12))]
    assert (origins, asked) == (["random", "random"], 20)


@each
def test_several_goals_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(UserError) as refused:
        make_strategy(name, get_space("nb201"), Objective.parse(["accuracy", "-latency"]))
    assert str(refused.value) == f"strategy '{name}' takes one objective: keep one, or take 'bonag'"


@each
def test_a_package_that_is_not_installed_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = "syne-tune" if name == "syne-tune-bore" else name.partition("-")[0]
    monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    with pytest.raises(UserError) as refused:
        make_strategy(name, get_space("nb201"), ACCURACY)
    assert str(refused.value) == f"strategy '{name}' needs the package {package}: pip install 'bonag[peers]'"
