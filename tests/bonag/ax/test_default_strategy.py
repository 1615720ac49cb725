"""Ax's default strategy is a baseline that goes as it goes in Ax."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ax import Client
from ax.core.arm import Arm
from ax.core.generator_run import GeneratorRun

from bonag.ax import parameters
from bonag.ax.default_strategy import AxDefault
from loops.history import History, TrialStatus
from loops.loop import propose
from loops.objective import Objective
from search_spaces import get_space

SPACE = get_space("nb201")


@pytest.fixture
def run(metrics_of):
    """A history of n trials that the strategy proposed, the third of which failed."""

    def go(strategy: AxDefault, n: int, seed: int = 0) -> History:
        history = History()
        for index in range(n):
            (trial,) = propose(strategy, history, 1, seed)
            measured = metrics_of(trial.architecture, strategy.space.name)
            done = {"status": TrialStatus.COMPLETED, "metrics": measured}
            failed = {"status": TrialStatus.FAILED, "reason": "out of memory"}
            history = history.updated(replace(trial, **(failed if index == 2 else done)))
        return history

    return go


@pytest.mark.slow
@pytest.mark.parametrize("space", ["nb201", "mbv3"])
def test_it_starts_as_ax_does(run, metrics_of, space):
    strategy = AxDefault(get_space(space), Objective.parse("accuracy"))
    history = run(strategy, 6, seed=4)
    seeds = {trial.provenance["sobol_seed"] for trial in history}
    assert len(seeds) == 1
    view = Client()
    view.configure_experiment(parameters=parameters(space))
    view.configure_optimization("accuracy")
    view.configure_generation_strategy(initialization_random_seed=seeds.pop())
    for trial in history:
        ((index, values),) = view.get_next_trials(1).items()
        architecture = get_space(space).from_parameters(values)
        assert architecture == trial.architecture
        assert trial.provenance["origin"] == view._experiment.trials[index].generator_run._generation_node_name
        if index == 2:
            view.mark_trial_failed(index)
        else:
            view.complete_trial(index, {"accuracy": metrics_of(architecture, space)["accuracy"]})
    # Failed trials do not count as part of the start.
    assert [trial.provenance["origin"] for trial in history] == ["CenterOfSearchSpace", *["Sobol"] * 5]
    assert run(strategy, 2, seed=5).trials[1].architecture != history.trials[1].architecture


def test_a_batch_may_be_larger_than_what_ax_would_start():
    strategy = AxDefault(SPACE, Objective.parse("accuracy"))
    proposals = strategy.propose(History(), 9, np.random.default_rng(0))
    assert len({proposal.architecture for proposal in proposals}) == 9
    assert {proposal.provenance["origin"] for proposal in proposals} <= {"CenterOfSearchSpace", "Sobol", "random"}


@pytest.mark.parametrize(
    ("goals", "constraints"),
    [
        ("accuracy", []),
        pytest.param("accuracy", ["size<=0.5"], marks=pytest.mark.slow),
        pytest.param(["accuracy", "-size"], [], marks=pytest.mark.slow),
        pytest.param(["accuracy", "-size"], ["size<=0.8"], marks=pytest.mark.slow),
    ],
)
def test_then_it_models_what_was_measured_and_is_a_function_of_seed_and_history(run, goals, constraints):
    objective = Objective.parse(goals, constraints)
    history = run(AxDefault(SPACE, objective), 7)
    # The fifth that did not fail ends the start.
    assert [trial.provenance["origin"] for trial in history][6] == "MBM"
    np.random.seed(7)  # noqa: NPY002
    before = History(history.trials[:6])
    (again,) = propose(AxDefault(SPACE, objective), before, 1, seed=0)
    assert again.architecture == history.trials[6].architecture
    assert again.provenance == history.trials[6].provenance


def test_known_architectures_are_asked_for_again_and_then_replaced(run):
    history = run(AxDefault(SPACE, Objective.parse("accuracy")), 2)

    class Stuck(AxDefault):
        asked = 0

        def _ask(self, history, n, sobol_seed, position, seed):
            self.asked += 1
            known = GeneratorRun(arms=[Arm(parameters=dict(self.space.to_parameters(history.trials[0].architecture)))])
            known._generation_node_name = "MBM"
            return [known]

    strategy = Stuck(SPACE, Objective.parse("accuracy"))
    (proposal,) = strategy.propose(history, 1, np.random.default_rng(0))
    assert strategy.asked == 3
    assert proposal.provenance == {"origin": "random"}
    assert proposal.architecture not in history.seen
