"""What the pages say of guidance, held against the strategy itself and against known truths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bonag.evaluators import make_evaluator
from bonag.insight.guidance import POPULATION, SAMPLES, beats, guidance, steps_of
from bonag.strategies.making import make_strategy
from loops.config import RunConfig
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.seeding import rng_for
from search_spaces import get_space

NB201 = get_space("nb201")
CONFIG = RunConfig(name="run", space="nb201", evaluator="surrogate", task="cifar10", seed=4)


@pytest.fixture(scope="module")
def history() -> History:
    architectures = list(dict.fromkeys(NB201.sample(30, np.random.default_rng(0))))[:14]
    values = make_evaluator(NB201).evaluate_many(architectures)
    return History(
        Trial(i, a, TrialStatus.COMPLETED, {name: float(column[i]) for name, column in values.items()})
        for i, a in enumerate(architectures)
    )


@pytest.fixture(scope="module")
def shown(history):
    return guidance(NB201, CONFIG.parsed_objective(), CONFIG, history)


def kinds(found) -> list[tuple[int, str, int]]:
    return [(row.step, row.kind, row.count) for row in found.rows]


def test_steps_are_some_on_the_way_and_now():
    assert steps_of(7) == [7]
    assert steps_of(25) == [10, 25]
    assert steps_of(60) == [10, 25, 50, 60]


def test_the_population_is_the_one_that_the_strategy_chose_from(history, shown):
    strategy = make_strategy("bonag", NB201, CONFIG.parsed_objective())
    _, codes, _ = strategy.search(history, [], rng_for(CONFIG.seed, len(history)))
    architectures = [NB201.decode(NB201.graph(code)) for code in codes[:POPULATION]]
    expected = make_evaluator(NB201).evaluate_many(architectures)["accuracy"]
    now = shown.values.query("step == 14 and kind == 'guided'")["accuracy"]
    assert now.tolist() == pytest.approx(expected.tolist())
    (proposal,) = strategy.propose(history, 1, rng_for(CONFIG.seed, len(history)))
    assert proposal.architecture == next(a for a in architectures if a not in history.seen)


def test_guidance_raises_what_is_measured(shown):
    assert kinds(shown) == [
        (10, "unguided", SAMPLES),
        (10, "guided", POPULATION),
        (14, "unguided", SAMPLES),
        (14, "guided", POPULATION),
    ]
    assert shown.guided
    assert shown.problem is None
    assert shown.sources == ("measured",)
    *_, unguided, guided = shown.rows
    assert guided.medians[0] > unguided.medians[0] + 1
    assert guided.better > unguided.better
    # Guided samples resemble one another; unguided ones hardly do.
    assert guided.diversity < unguided.diversity < shown.sites == 6
    assert unguided.valid == 1
    assert np.isnan(guided.valid)
    assert guided.seconds > 0


@pytest.mark.slow
def test_the_same_trials_give_the_same_samples(history, shown):
    again = guidance(NB201, CONFIG.parsed_objective(), CONFIG, history)
    assert again.values.equals(shown.values)
    other = guidance(NB201, CONFIG.parsed_objective(), replace(CONFIG, seed=5), History(history.trials[:9]))
    assert not other.values["accuracy"].equals(shown.values["accuracy"][: len(other.values)])


@pytest.mark.slow
def test_a_step_knows_nothing_of_later_trials(history, shown):
    changed = [
        replace(trial, metrics={name: 5.0 for name in trial.metrics}) if trial.index >= 10 else trial
        for trial in history
    ]
    other = guidance(NB201, CONFIG.parsed_objective(), CONFIG, History(changed))
    first = [values.query("step == 10")["accuracy"].tolist() for values in (shown.values, other.values)]
    assert first[0] == first[1]


def test_without_a_guided_generator_what_the_strategy_proposed_is_shown(history):
    config = replace(CONFIG, strategy="evolution")
    found = guidance(NB201, config.parsed_objective(), config, history)
    assert not found.guided
    assert [(step, kind, count) for step, kind, count in kinds(found) if kind == "proposed"] == [
        (10, "proposed", 10),
        (14, "proposed", 4),
    ]
    proposed = found.values[found.values["kind"] == "proposed"]["accuracy"]
    assert proposed.tolist() == pytest.approx(history.values("accuracy").tolist(), abs=1e-4)
    assert [row.known for row in found.rows if row.kind == "proposed"] == [0, 0]


def test_an_evaluator_that_is_not_at_hand_is_replaced_by_predictions(history):
    config = replace(CONFIG, evaluator="mine", strategy="random")
    found = guidance(NB201, Objective.parse("accuracy"), config, history)
    assert found.sources == ("predicted",)
    assert np.isfinite(found.values["accuracy"]).all()


def test_a_space_without_a_generator_says_so():
    class Unheard(type(get_space("darts"))):
        name = "unheard"

    darts = Unheard()
    history = History(
        Trial(i, a, TrialStatus.COMPLETED, {"accuracy": float(i)})
        for i, a in enumerate(darts.sample(6, np.random.default_rng(0)))
    )
    config = RunConfig(name="run", space="unheard", evaluator="mine", strategy="random")
    found = guidance(darts, Objective.parse("accuracy"), config, history)
    assert "bonag train-generator --space unheard" in (found.problem or "")
    assert kinds(found) == [(6, "proposed", 6)]


@pytest.mark.slow
def test_several_goals_and_bounds_are_guided_and_counted(history):
    objective = Objective.parse(["accuracy", "-macs"], ["params<=5e5"])
    found = guidance(NB201, objective, replace(CONFIG, objective=("accuracy", "-macs")), History(history.trials[:9]))
    assert found.metrics == ("accuracy", "macs", "params")
    assert list(found.values.columns[:3]) == ["accuracy", "macs", "params"]
    unguided, guided = found.rows
    assert len(guided.medians) == 3
    assert guided.better > unguided.better


def test_what_beats_all_before():
    first, second = NB201.sample(2, np.random.default_rng(0))
    before = History(
        [
            Trial(0, first, TrialStatus.COMPLETED, {"accuracy": 90.0, "macs": 10.0}),
            Trial(1, second, TrialStatus.COMPLETED, {"accuracy": 99.0, "macs": 99.0}),
        ]
    )
    two = Objective.parse(["accuracy", "-macs"], ["macs<=50"])
    table = np.array([[91, 11], [90, 10], [89, 9], [89, 10], [98, 51], [np.nan, 1]])
    # Dearer but better; as good; worse but cheaper; beaten; over the bound; without a value.
    assert beats(two, before, table).tolist() == [True, False, True, False, False, False]
    assert beats(two, History(), table).tolist() == [True, True, True, True, False, False]
    one = Objective.parse("-macs")
    assert beats(one, before, np.array([[9.0], [10.0], [11.0]])).tolist() == [True, False, False]
