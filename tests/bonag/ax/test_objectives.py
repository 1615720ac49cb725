"""Objectives pass between bonag and Ax."""

from __future__ import annotations

import numpy as np
import pytest
from ax import Client
from ax.core.optimization_config import MultiObjectiveOptimizationConfig
from ax.service.utils.best_point_mixin import BestPointMixin

from bonag.ax import client, generation_strategy, parameters
from bonag.ax.objectives import configure_objective, objective_of
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import get_space
from search_spaces.errors import UserError

SPACE = get_space("nb201")


def view_of(objective: Objective) -> Client:
    made = Client()
    made.configure_experiment(parameters=parameters("nb201"))
    configure_objective(made, objective)
    return made


@pytest.mark.parametrize(
    ("goals", "constraints"),
    [
        ("accuracy", []),
        ("-latency_pixel3", []),
        ("accuracy", ["latency_pixel3<=8", "params>=1000000"]),
        ("accuracy", ["params>=1000", "params<=1e6"]),
        ("-loss", ["cifar10-valid>=-2.5"]),
        (["accuracy", "-latency_pixel3"], []),
        (["accuracy", "-latency_pixel3"], ["accuracy>=90", "latency_pixel3<=8.5", "params<=1e6"]),
        (["accuracy", "robustness", "-macs"], ["robustness>=0.125"]),
    ],
)
def test_an_objective_comes_back_as_it_was(goals, constraints):
    objective = Objective.parse(goals, constraints)
    found = objective_of(view_of(objective)._experiment.optimization_config)
    assert found.goals == objective.goals
    assert set(found.constraints) == set(objective.constraints)


@pytest.mark.parametrize(
    ("goals", "constraints", "kept"),
    [
        ("accuracy", ["accuracy>=90", "params<=5"], ["params<=5"]),
        (["accuracy", "-latency"], ["accuracy<=95", "latency<=8"], ["latency<=8"]),
    ],
)
def test_bounds_that_ax_has_no_word_for_are_left_out(goals, constraints, kept):
    config = view_of(Objective.parse(goals, constraints))._experiment.optimization_config
    assert objective_of(config) == Objective.parse(goals, kept)


def test_an_experiment_without_objective_is_told_so():
    with pytest.raises(UserError, match="has no objective"):
        objective_of(None)


def test_bounds_relative_to_a_baseline_are_refused():
    made = Client()
    made.configure_experiment(parameters=parameters("nb201"))
    made.configure_optimization("accuracy", ["latency <= 0.9 * baseline"])
    with pytest.raises(UserError, match="no bound relative to a baseline"):
        objective_of(made._experiment.optimization_config)


@pytest.fixture
def history(metrics_of) -> History:
    architectures = list(dict.fromkeys(SPACE.sample(40, np.random.default_rng(5))))[:25]
    return History(
        Trial(index, architecture, TrialStatus.COMPLETED, metrics_of(architecture, "nb201"))
        for index, architecture in enumerate(architectures)
    )


@pytest.mark.slow
@pytest.mark.parametrize("constraints", [[], ["size<=1.0"], ["accuracy>=17.5", "size<=1.0"]])
def test_the_view_of_a_run_with_two_goals_has_its_front(history, constraints):
    objective = Objective.parse(["accuracy", "-size"], constraints)
    view = client(SPACE, history, objective)
    config = view._experiment.optimization_config
    assert isinstance(config, MultiObjectiveOptimizationConfig)
    assert {bound.metric_names[0] for bound in config.objective_thresholds} == {"accuracy", "size"}
    view.set_generation_strategy(generation_strategy("nb201"))
    found = {entry[2] for entry in view.get_pareto_frontier(use_model_predictions=False)}
    # Of trials with the same values, Ax keeps one.
    values = {trial.index: tuple(trial.metrics.values()) for trial in history}
    assert {values[i] for i in found} == {values[trial.index] for trial in objective.front(history)}
    assert BestPointMixin._get_hypervolume(view._experiment, view._generation_strategy, use_model_predictions=False) > 0


def test_the_view_of_a_bounded_run_has_its_best_trial(history):
    objective = Objective.parse("accuracy", ["size<=0.5"])
    view = client(SPACE, history, objective)
    _, values, index, _ = view.get_best_parameterization(use_model_predictions=False)
    assert index == objective.best(history)[0].index
    assert values["size"][0] <= 0.5
    assert objective.best(history)[0].index != Objective.parse("accuracy").best(history)[0].index


def test_a_run_with_two_goals_and_no_trials_can_be_shown():
    view = client(SPACE, History(), Objective.parse(["accuracy", "-size"]))
    assert view._experiment.optimization_config.objective_thresholds == []
