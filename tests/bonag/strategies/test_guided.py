"""The default strategy with its real parts: pure, never repeating itself, and better than chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bonag.acquisition.surrogate import Surrogate, Worth
from bonag.generators.artifact import load_generator
from bonag.generators.fitting import Schedule
from bonag.generators.training import train_generator
from bonag.strategies.guided import GuidedGeneration
from loops.history import History, Trial, TrialStatus
from loops.initial import crowded_design
from loops.objective import Objective
from loops.seeding import rng_for
from search_spaces import ArchGraph, Architecture, SearchSpace, get_space

ACCURACY = Objective.parse("accuracy")
C, F, R, A = TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.RUNNING, TrialStatus.ABANDONED
both_spaces = pytest.mark.parametrize("name", ["nb201", "mbv3"])


def strategy_of(space: SearchSpace, objective: Objective = ACCURACY, **options: object) -> GuidedGeneration:
    return GuidedGeneration(space, objective, Surrogate(space, objective), load_generator(space), **options)  # type: ignore[arg-type]


def trial(index: int, architecture: Architecture, value: float, status: TrialStatus = C) -> Trial:
    return Trial(index, architecture, status, {"accuracy": value} if status is C else {})


def history_of(space: SearchSpace, statuses: list[TrialStatus], seed: int = 0) -> History:
    """Distinct random architectures, whose accuracy is their number of parameters in millions."""
    distinct: dict[Architecture, None] = {}
    rng = np.random.default_rng(seed)
    while len(distinct) < len(statuses):
        distinct |= dict.fromkeys(space.sample(len(statuses), rng))
    pairs = zip(distinct, statuses, strict=False)
    return History(trial(i, a, space.costs(a).params / 1e6, status) for i, (a, status) in enumerate(pairs))


def worth_after(space: SearchSpace, history: History) -> Worth:
    """What evaluations are worth, of the completed trials alone."""
    return Surrogate(space, ACCURACY).fit(history, seed=0)


def learned_edges(space: SearchSpace) -> SearchSpace:
    """Three letters as there, of which the first is joined to the last where they are the same."""

    everything = [space.parse("".join(letters)) for letters in product("abc", repeat=3)]

    class Learned(type(space)):  # type: ignore[misc]
        free_edges = np.array([[0, 2]])
        codes = SearchSpace.codes

        def encode(self, architecture: Architecture) -> ArchGraph:
            ops = super().encode(architecture).ops
            edges = self.adjacency.copy()
            edges[0, 2] = ops[0] == ops[2]
            return ArchGraph(ops, edges)

        def project(self, scores: np.ndarray) -> list[Architecture]:
            codes = self.codes(everything)
            return [everything[best] for best in scores[:, range(4), codes].sum(axis=2).argmax(axis=1)]

    made: SearchSpace = Learned()
    return made


@pytest.fixture(scope="module", params=["one topology", "learned edges"])
def tiny(request: pytest.FixtureRequest, tiny_space: SearchSpace) -> Callable[[], GuidedGeneration]:
    """Makes strategies of a space of 27 architectures, with a generator trained for it."""
    space = learned_edges(tiny_space) if request.param == "learned edges" else tiny_space
    generator, _ = train_generator(space, schedule=Schedule(steps=30, batch_size=32))
    return lambda: GuidedGeneration(space, ACCURACY, Surrogate(space, ACCURACY), generator, initial=15)


# Purity


@both_spaces
@pytest.mark.parametrize(("trials", "n"), [(0, 2), (8, 4), pytest.param(20, 3, marks=pytest.mark.slow)])
def test_proposals_are_a_pure_function_of_history_and_random_numbers(name: str, trials: int, n: int) -> None:
    space = get_space(name)
    history = history_of(space, ([C] * 5 + [F, R])[:7] * 3)
    history = History(history.trials[:trials])
    used = strategy_of(space)
    used.propose(history_of(space, [C] * 20, seed=1), 2, rng_for(1, 20))
    used.propose(History(history.trials[: trials // 2]), 1, rng_for(0, trials // 2))
    proposals = strategy_of(space).propose(history, n, rng_for(0, trials))
    assert len(proposals) == n
    assert used.propose(history, n, rng_for(0, trials)) == proposals
    # The history made anew, as after a resume, in another order and with other times.
    anew = History(replace(t, proposed_at=1.0, proposal_seconds=9.9) for t in reversed(history.trials))
    assert used.propose(anew, n, rng_for(0, trials)) == proposals
    assert used.propose(history, n, rng_for(1, trials)) != proposals


# What is proposed


@pytest.mark.slow
@both_spaces
@pytest.mark.parametrize("statuses", [[C] * 15, [C, F, R, A] * 5, [C, C, *[R] * 12], [C, C, *[F] * 12]])
def test_proposals_are_distinct_valid_and_not_in_the_history(name: str, statuses: list[TrialStatus]) -> None:
    space = get_space(name)
    history = history_of(space, statuses)
    proposals = strategy_of(space).propose(history, 6, rng_for(0, len(history)))
    architectures = [proposal.architecture for proposal in proposals]
    assert len(set(architectures)) == 6
    assert not set(architectures) & history.seen
    assert [space.parse(str(architecture)) for architecture in architectures] == architectures
    assert {proposal.provenance["origin"] for proposal in proposals} == {"guided"}


@pytest.mark.slow
def test_the_history_is_never_proposed_even_where_it_is_all_that_is_good() -> None:
    # Failed are the best cell's neighbours, and it runs already.
    space = get_space("nb201")
    best = space.parse(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    )
    history = history_of(space, [C] * 30)
    taken = [a for a in (best, *space.neighbours(best)) if a not in history.seen]
    history = history.updated(*(trial(30 + i, a, 0.0, F if i else R) for i, a in enumerate(taken)))
    proposals = strategy_of(space).propose(history, 4, rng_for(0, len(history)))
    assert not {proposal.architecture for proposal in proposals} & history.seen


def test_the_best_by_acquisition_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * 20)
    generated = []

    def recorded(*arguments: object) -> tuple[np.ndarray, np.ndarray]:
        generated.append(original(*arguments))
        return generated[-1]

    kind = type(load_generator(space))
    original = kind.guided_sample
    monkeypatch.setattr(kind, "guided_sample", recorded)
    (proposal,) = strategy_of(space).propose(history, 1, rng_for(0, 20))
    ((candidates, scores),) = generated
    fresh = [
        (float(score), architecture)
        for code, score in zip(candidates, scores, strict=True)
        if (architecture := space.decode(space.graph(code))) not in history.seen
    ]
    assert proposal.architecture == max(fresh, key=lambda pair: pair[0])[1]
    assert proposal.provenance["acquisition"] == max(score for score, _ in fresh)
    assert proposal.provenance["generated"] == len(candidates)
    # The best of the history took part.
    started = {row.tobytes() for row in candidates}
    assert all(row.tobytes() in started for row in space.codes([t.architecture for t in ACCURACY.best(history, k=10)]))


@pytest.mark.slow
def test_a_batch_starts_with_the_single_proposal_and_knows_of_itself() -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * 20)
    batch = strategy_of(space).propose(history, 3, rng_for(0, 20))
    assert strategy_of(space).propose(history, 1, rng_for(0, 20)) == batch[:1]
    # Each is worth what it is worth once those before it are evaluated.
    acquisition = worth_after(space, history)
    for proposal in batch:
        code = space.codes([proposal.architecture])
        assert proposal.provenance["acquisition"] == pytest.approx(acquisition(code)[0], rel=1e-4)
        acquisition = acquisition.after(code)


def test_what_was_picked_before_in_the_same_batch_counts_as_evaluated() -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * 8)
    *initial, guided = strategy_of(space, initial=12).propose(history, 5, rng_for(0, 8))
    assert [p.provenance["origin"] for p in (*initial, guided)] == ["initial"] * 4 + ["guided"]
    acquisition = worth_after(space, history)
    acquisition = acquisition.after(space.codes([p.architecture for p in initial]))
    expected = acquisition(space.codes([guided.architecture]))[0]
    assert guided.provenance["acquisition"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_trials_that_run_count_as_evaluated() -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * 20)
    (first,) = strategy_of(space).propose(history, 1, rng_for(0, 20))
    history = history.updated(trial(20, first.architecture, 0.0, R))
    (second,) = strategy_of(space).propose(history, 1, rng_for(0, 21))
    acquisition = worth_after(space, history)
    codes = space.codes([first.architecture, second.architecture])
    assert second.provenance["acquisition"] == pytest.approx(acquisition.after(codes[:1])(codes[1:])[0], rel=1e-4)
    assert second.provenance["acquisition"] < first.provenance["acquisition"]


@pytest.mark.slow
@both_spaces
def test_minimising_is_maximising_the_negative(name: str) -> None:
    space = get_space(name)
    history = history_of(space, [C, C, F] * 8)
    negated = History(replace(t, metrics={"cost": -t.metrics["accuracy"]} if t.metrics else {}) for t in history)
    up = strategy_of(space).propose(history, 2, rng_for(0, 24))
    assert strategy_of(space, Objective.parse("-cost")).propose(negated, 2, rng_for(0, 24)) == up
    # Other than maximising it.
    assert strategy_of(space, Objective.parse("cost")).propose(negated, 2, rng_for(0, 24)) != up


def test_provenance_is_json_and_says_where_a_proposal_comes_from() -> None:
    space = get_space("nb201")
    proposals = strategy_of(space).propose(history_of(space, [C] * 3), 4, rng_for(0, 3))
    for proposal in proposals:
        assert json.loads(json.dumps(dict(proposal.provenance), allow_nan=False)) == proposal.provenance
    assert [proposal.provenance["origin"] for proposal in proposals] == ["initial"] * 2 + ["guided"] * 2
    assert all(isinstance(p.provenance["acquisition"], float) for p in proposals[2:])


# The beginning and the end


@both_spaces
def test_the_first_trials_fill_the_space(name: str) -> None:
    space = get_space(name)
    first = strategy_of(space, initial=6).propose(History(), 6, rng_for(0, 0))
    assert [proposal.provenance["origin"] for proposal in first] == ["initial"] * 6
    assert len({proposal.architecture for proposal in first}) == 6


def test_trials_of_every_status_count_as_first_ones() -> None:
    space = get_space("nb201")
    history = history_of(space, [C, C, F, R, A])
    (proposal,) = strategy_of(space, initial=5).propose(history, 1, rng_for(0, 5))
    assert proposal.provenance["origin"] == "guided"


@pytest.mark.parametrize("statuses", [[F] * 12, [C] + [F] * 11])
def test_where_nothing_can_be_learnt_proposals_are_random(statuses: list[TrialStatus]) -> None:
    space = get_space("nb201")
    history = history_of(space, statuses)
    proposals = strategy_of(space).propose(history, 3, rng_for(0, 12))
    assert [proposal.provenance["origin"] for proposal in proposals] == ["random"] * 3
    assert len({p.architecture for p in proposals} - history.seen) == 3


@pytest.mark.parametrize("statuses", [[R] * 12, [C] + [R] * 11])
def test_while_nothing_can_be_learnt_yet_the_design_goes_on(statuses: list[TrialStatus]) -> None:
    space = get_space("nb201")
    history = history_of(space, statuses)
    seen = [trial.architecture for trial in history]
    proposals = strategy_of(space).propose(history, 3, rng_for(0, 12))
    assert [proposal.provenance["origin"] for proposal in proposals] == ["initial"] * 3
    assert [p.architecture for p in proposals] == crowded_design(space, seen, 3, rng_for(0, 12))


@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_a_small_space_is_emptied_without_a_repetition(tiny: Callable[[], GuidedGeneration], n: int) -> None:
    strategy, history = tiny(), History()
    while proposals := strategy.propose(history, n, rng_for(0, len(history))):
        assert len(proposals) == min(n, 27 - len(history))
        assert not {p.architecture for p in proposals} & history.seen
        start = len(history)
        history = history.updated(
            *(
                trial(index, p.architecture, float(index * 7 % 5), F if index % 6 == 5 else C)
                for index, p in enumerate(proposals, start)
            )
        )
        assert len(history.seen) == len(history)
    assert len(history) == 27


def test_more_than_a_small_space_holds_gives_what_it_holds(tiny: Callable[[], GuidedGeneration]) -> None:
    strategy = tiny()
    everything = strategy.propose(History(), 100, rng_for(0, 0))
    assert len(everything) == len({p.architecture for p in everything}) == 27
    history = History(trial(i, p.architecture, float(i)) for i, p in enumerate(everything[:20]))
    assert len(strategy.propose(history, 100, rng_for(0, 20))) == 7


# What it is for


@pytest.mark.numeric
@pytest.mark.slow
@pytest.mark.parametrize("task", ["cifar10", "cifar100"])
def test_proposals_after_thirty_trials_are_far_better_than_random_ones(data_dir: Path, task: str) -> None:
    table = pd.read_parquet(data_dir / "nb201_accuracy.parquet").set_index("arch")[f"{task}_test_200ep"]
    rank = table.rank(pct=True)
    space = get_space("nb201")
    proposed = []
    for seed in range(4):
        cells = dict.fromkeys(space.sample(40, np.random.default_rng(seed)))
        history = History(trial(i, a, table[str(a)]) for i, a in enumerate(list(cells)[:30]))
        proposals = strategy_of(space).propose(history, 3, rng_for(seed, 30))
        proposed += [rank[str(proposal.architecture)] for proposal in proposals]
    # Random cells are at 0.5 on average, with a standard error of 0.08 for twelve.
    assert np.mean(proposed) > 0.9
