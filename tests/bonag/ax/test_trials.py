"""The trials of an Ax experiment are read as bonag's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ax import Client
from ax.core.data import Data

from bonag.ax import client, parameters
from bonag.ax.trials import completed_rows, trials_of
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import get_space
from search_spaces.errors import UserError

SPACE = get_space("nb201")


def read(view: Client, required=("accuracy",)) -> list[Trial]:
    return list(trials_of(SPACE, view._experiment, view._experiment.lookup_data(), required).values())


@pytest.fixture
def view() -> Client:
    """Five trials that run."""
    made = Client()
    made.configure_experiment(parameters=parameters("nb201"))
    made.configure_optimization("accuracy")
    made.configure_tracking_metrics(["latency"])
    for architecture in SPACE.sample(5, np.random.default_rng(0)):
        made.attach_trial(SPACE.to_parameters(architecture))
    return made


def test_what_the_view_shows_is_read_back():
    statuses = [TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.ABANDONED, TrialStatus.STOPPED]
    statuses += [TrialStatus.RUNNING]
    history = History(
        Trial(
            index,
            architecture,
            statuses[index % 5],
            {"accuracy": 90.0 + index, "latency": 1.5} if index % 5 in (0, 3) else {},
            "too slow" if index % 5 in (1, 2, 3) else None,
        )
        for index, architecture in enumerate(SPACE.sample(20, np.random.default_rng(0)))
    )
    assert read(client(SPACE, history, Objective.parse("accuracy"))) == list(history)


def test_trials_without_usable_metrics_have_failed(view):
    view.complete_trial(0, {"accuracy": math.nan})
    view.complete_trial(1, {"accuracy": 93.0, "latency": math.inf})
    view.attach_data(2, {"latency": 3.0})
    view._experiment.trials[2].mark_completed()
    view.complete_trial(3, {"accuracy": 93.0, "latency": 2.0})
    # What a trial has measured so far counts when it ends.
    view.attach_data(4, {"accuracy": 50.0})
    found = read(view)
    assert [trial.status.value for trial in found] == ["failed", "failed", "failed", "completed", "running"]
    assert [trial.reason for trial in found[:3]] == [
        "metric 'accuracy' is nan",
        "metric 'latency' is inf",
        "metric 'accuracy' is missing",
    ]
    assert [dict(trial.metrics) for trial in found] == [{}, {}, {}, {"accuracy": 93.0, "latency": 2.0}, {}]
    kept = completed_rows(
        trials_of(SPACE, view._experiment, view._experiment.lookup_data(), ["accuracy"]), view._experiment.lookup_data()
    )
    assert isinstance(kept, Data)
    assert set(kept.df.trial_index) == {3}


def test_of_a_learning_curve_the_last_step_counts(view):
    for epoch, value in enumerate([50.0, 80.0, 70.0]):
        view.attach_data(0, {"accuracy": value}, progression=epoch)
        view.attach_data(1, {"accuracy": value}, progression=epoch)
    view.complete_trial(0)
    view.mark_trial_early_stopped(1)
    first, second, *_ = read(view)
    assert (first.status, first.metrics["accuracy"]) == (TrialStatus.COMPLETED, 70.0)
    assert [(point.step, point.metrics["accuracy"]) for point in second.curve] == [(0, 50.0), (1, 80.0), (2, 70.0)]
    # Measured in the middle of training, it is no completed one.
    assert (second.status, second.metrics["accuracy"]) == (TrialStatus.STOPPED, 70.0)
    third = read(view, required=("accuracy", "latency"))[1]
    assert (third.status, dict(third.metrics)) == (TrialStatus.ABANDONED, {})


def test_a_trial_that_is_none_of_the_space_is_named(view):
    view._experiment.trials[3].arm._parameters["edge_1_0"] = "conv_5x5"
    with pytest.raises(
        UserError, match=r"arm '3_0' of trial 3 is no architecture of space 'nb201': parameter 'edge_1_0'"
    ):
        read(view)
