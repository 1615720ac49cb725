"""BANANAS, NAS-BOWL and the plain Gaussian process: pure, never repeating themselves, and better than chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bonag.generators.candidates import AllCandidates, EvolutionCandidates
from bonag.scores import rank_gaussianise
from bonag.strategies.bananas import Bananas
from bonag.strategies.believed import BelievedSurrogate
from bonag.strategies.gp import SlotAndSubtreeProcess, plain_process
from bonag.strategies.gp_wl import SubtreeProcess, nas_bowl
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.protocols import Strategy
from loops.seeding import rng_for
from search_spaces import Architecture, SearchSpace, get_space

ACCURACY = Objective.parse("accuracy")
MAKERS: dict[str, Callable[[SearchSpace, Objective], Strategy]] = {
    "bananas": Bananas,
    "gp-wl": nas_bowl,
    "gp": plain_process,
}
BEGUN = {"bananas": "random", "gp-wl": "initial", "gp": "initial"}
PROPOSED = {"bananas": "model", "gp-wl": "guided", "gp": "guided"}
each = pytest.mark.parametrize("name", MAKERS)
each_space = pytest.mark.parametrize("space_name", ["nb201", "mbv3"])
C, F, R, A = TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.RUNNING, TrialStatus.ABANDONED


def history_of(space: SearchSpace, statuses: list[TrialStatus], seed: int = 0) -> History:
    """Distinct random architectures, whose accuracy is their number of parameters in millions."""
    rng = np.random.default_rng(seed)
    distinct: dict[Architecture, None] = {}
    while len(distinct) < len(statuses):
        distinct |= dict.fromkeys(space.sample(len(statuses), rng))
    return History(
        Trial(i, a, status, {"accuracy": space.costs(a).params / 1e6} if status is C else {})
        for i, (a, status) in enumerate(zip(distinct, statuses, strict=False))
    )


@pytest.mark.slow
@each
@each_space
@pytest.mark.parametrize("statuses", [[C, F, R, A] * 4, [C] + [F] * 12])
def test_proposals_are_new_distinct_valid_and_a_pure_function(
    space_name: str, name: str, statuses: list[TrialStatus]
) -> None:
    space = get_space(space_name)
    history = history_of(space, statuses)
    used = MAKERS[name](space, ACCURACY)
    used.propose(history_of(space, [C] * 12, seed=1), 1, rng_for(1, 1))
    proposals = used.propose(history, 4, rng_for(0, len(history)))
    architectures = [proposal.architecture for proposal in proposals]
    assert len(set(architectures)) == 4
    assert not set(architectures) & history.seen
    assert [space.parse(str(architecture)) for architecture in architectures] == architectures
    origin = PROPOSED[name] if len(history.completed) > 1 else "random"
    assert {proposal.provenance["origin"] for proposal in proposals} == {origin}
    for proposal in proposals:
        assert json.loads(json.dumps(dict(proposal.provenance), allow_nan=False)) == proposal.provenance
    anew = History(replace(trial, proposed_at=1.0) for trial in reversed(history.trials))
    assert MAKERS[name](space, ACCURACY).propose(anew, 4, rng_for(0, len(history))) == proposals


@each
def test_the_first_ten_are_random_and_a_batch_goes_on_from_them(name: str) -> None:
    space = get_space("nb201")
    strategy = MAKERS[name](space, ACCURACY)
    first = strategy.propose(History(), 12, rng_for(0, 0))
    assert [proposal.provenance["origin"] for proposal in first] == [BEGUN[name]] * 10 + ["random"] * 2
    history = history_of(space, [C] * 7)
    origins = [p.provenance["origin"] for p in strategy.propose(history, 6, rng_for(0, 7))]
    assert origins == [BEGUN[name]] * 3 + [PROPOSED[name]] * 3


@pytest.mark.slow
@each
def test_a_small_space_is_emptied_without_a_repetition(name: str, letters: SearchSpace) -> None:
    strategy, history = MAKERS[name](letters, ACCURACY), History()
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


@pytest.mark.slow
@each
def test_minimising_is_maximising_the_negative(name: str) -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * 14)
    negated = History(replace(t, metrics={"cost": -t.metrics["accuracy"]}) for t in history)
    up = MAKERS[name](space, ACCURACY).propose(history, 2, rng_for(0, 14))
    assert MAKERS[name](space, Objective.parse("-cost")).propose(negated, 2, rng_for(0, 14)) == up


@pytest.mark.numeric
@each
@pytest.mark.parametrize("space_name", ["nb201", "mbv3"])
def test_proposals_are_far_better_than_random_ones(space_name: str, name: str) -> None:
    space = get_space(space_name)
    history = history_of(space, [C] * 40)
    proposals = MAKERS[name](space, ACCURACY).propose(history, 3, rng_for(0, 40))
    # Random ones are at 0.5 on average, with a standard error of 0.17.
    random = np.sort([space.costs(a).params for a in space.sample(400, np.random.default_rng(9))])
    ranks = [np.searchsorted(random, space.costs(p.architecture).params) / 400 for p in proposals]
    assert np.mean(ranks) > (0.7 if name == "bananas" else 0.9)


@pytest.mark.slow
@each
def test_several_goals_and_constraints_are_taken_as_an_order(name: str) -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * 14)
    history = History(replace(t, metrics={**t.metrics, "latency": t.index % 5}) for t in history)
    for objective in (Objective.parse(["accuracy", "-latency"]), Objective.parse("accuracy", ["latency<=2"])):
        proposals = MAKERS[name](space, objective).propose(history, 2, rng_for(0, 14))
        assert {proposal.provenance["origin"] for proposal in proposals} == {PROPOSED[name]}


# BANANAS


@pytest.mark.slow
def test_a_block_of_ten_follows_one_ranking_whatever_the_trials_in_it_say() -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * 20)
    batch = Bananas(space, ACCURACY).propose(history, 10, rng_for(0, 20))
    strategy = Bananas(space, ACCURACY)
    for index, expected in enumerate(batch):
        (proposal,) = strategy.propose(history, 1, rng_for(5, 20 + index))
        assert proposal == expected
        status = (C, F, R)[index % 3]
        history = history.updated(
            Trial(20 + index, proposal.architecture, status, {"accuracy": float(index)} if status is C else {})
        )
    (other,) = strategy.propose(history, 1, rng_for(0, 30))
    assert other.provenance["rank"] == 0


def test_candidates_of_bananas_are_mutations_of_the_best() -> None:
    space = get_space("mbv3")
    history = history_of(space, [C] * 20)
    best = space.codes([trial.architecture for trial in ACCURACY.best(history, k=5)])
    proposals = Bananas(space, ACCURACY).propose(history, 8, rng_for(0, 20))
    distances = (space.codes([p.architecture for p in proposals])[:, None] != best).sum(axis=2)
    assert (distances.min(axis=1) <= 6).all()


# Gaussian processes


@pytest.mark.slow
def test_the_plain_process_scores_everything_where_it_can() -> None:
    assert isinstance(plain_process(get_space("nb201"), ACCURACY).generator, AllCandidates)
    for name in ("mbv3", "nb101", "darts"):
        assert isinstance(plain_process(get_space(name), ACCURACY).generator, EvolutionCandidates)


@pytest.mark.numeric
@pytest.mark.parametrize("make", [SlotAndSubtreeProcess, SubtreeProcess])
@pytest.mark.parametrize("space_name", ["nb201", "mbv3"])
def test_processes_predict_what_they_have_not_seen(
    space_name: str, make: type[SlotAndSubtreeProcess] | type[SubtreeProcess]
) -> None:
    space = get_space(space_name)
    known, others = history_of(space, [C] * 60), history_of(space, [C] * 60, seed=1)
    model = make(space).fit(space.codes([t.architecture for t in known]), ACCURACY.scores(known))
    prediction = model.predict(space.codes([t.architecture for t in others]))
    ranks = np.argsort(np.argsort(ACCURACY.scores(others)))
    assert np.corrcoef(ranks, np.argsort(np.argsort(prediction.mean)))[0, 1] > 0.35
    assert (prediction.stddev > 0).all()


@pytest.mark.parametrize("make", [SlotAndSubtreeProcess, SubtreeProcess])
def test_equal_values_leave_a_process_without_a_view(
    make: type[SlotAndSubtreeProcess] | type[SubtreeProcess],
) -> None:
    space = get_space("nb201")
    codes = space.codes(space.sample(12, np.random.default_rng(0)))
    prediction = make(space).fit(codes, np.zeros(12)).predict(codes)
    assert np.isfinite(prediction.mean).all()
    assert np.isfinite(prediction.stddev).all()


@pytest.mark.parametrize("make", [SlotAndSubtreeProcess, SubtreeProcess])
def test_improvement_is_on_the_best_that_is_believed(
    make: type[SlotAndSubtreeProcess] | type[SubtreeProcess],
) -> None:
    space = get_space("nb201")
    history = history_of(space, [C] * 20)
    noisy = History(replace(t, metrics={"accuracy": float(t.index * 7919 % 13)}) for t in history)
    worth = BelievedSurrogate(space, ACCURACY, make(space)).fit(noisy, 0)
    codes = space.codes([t.architecture for t in history])
    assert worth.incumbent == worth.model.predict(codes).mean.max() < rank_gaussianise(ACCURACY.scores(noisy)).max()
    assert worth.after(codes[:0]) is worth
    other = space.codes(space.sample(1, np.random.default_rng(5)))
    assert worth.after(other)(other) < worth(other)
