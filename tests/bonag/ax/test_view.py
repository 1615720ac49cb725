"""The Ax experiment shows a run as it was, and Ax works on it."""

from __future__ import annotations

import json
import math
import os
import time

import numpy as np
import pytest
from ax import Client
from ax.analysis.best_trials import BestTrials
from ax.analysis.summary import Summary
from ax.core.trial_status import TrialStatus as AxStatus
from pandas.testing import assert_frame_equal

from bonag.ax import client, experiment, save_ax_json
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import NetworkSize, get_space
from search_spaces.errors import UserError


def run_of(space, n: int, seed: int = 0) -> History:
    """A history with every status: costs are the metrics, so that they are real and differ."""
    architectures = list(dict.fromkeys(space.sample(2 * n, np.random.default_rng(seed))))[:n]
    trials = []
    for index, architecture in enumerate(architectures):
        costs = space.costs(architecture)
        done = {
            "status": TrialStatus.COMPLETED,
            "metrics": {"accuracy": math.log(costs.macs), "params": float(costs.params)},
            "proposed_at": 1e9 + index,
            "ended_at": 1e9 + index + 0.5,
        }
        other = [
            {"status": TrialStatus.FAILED, "reason": f"out of memory in trial {index}"},
            {"status": TrialStatus.ABANDONED, "reason": "stopped by hand"},
            {"status": TrialStatus.RUNNING},
        ]
        fields = done if index % 5 or index == 0 else other[index // 5 % 3]
        trials.append(
            Trial(index, architecture, provenance={"origin": "guided", "step": index, "acquisition": -0.5}, **fields)
        )
    return History(trials)


@pytest.fixture(params=["nb201", "mbv3"])
def space(request):
    return get_space(request.param)


@pytest.fixture
def history(space):
    return run_of(space, 40)


MAXIMISE = Objective.parse("accuracy")


def test_an_experiment_says_which_networks_it_is_of(space, history):
    sized = space.at(NetworkSize(10, 16))
    said = experiment(sized, history, MAXIMISE).description
    assert said == f"search space {space.name}, networks of 10 classes, images of 16 px, objective accuracy"


def test_parameters_of_arms_are_the_architectures(space, history):
    view = experiment(space, history, MAXIMISE)
    assert list(view.parameters) == [parameter.name for parameter in space.parameters()]
    assert sorted(view.trials) == [trial.index for trial in history]
    for trial in history:
        ours = view.trials[trial.index]
        assert space.from_parameters(ours.arm.parameters) == trial.architecture
        assert space.parse(ours.generator_run.gen_metadata["architecture"]) == trial.architecture
        assert ours.generator_run.gen_metadata["acquisition"] == -0.5
        assert ours.generator_run._generation_node_name == "guided"


def test_statuses_reasons_and_times_are_kept(space, history):
    view = experiment(space, history, MAXIMISE)
    same = {
        TrialStatus.COMPLETED: AxStatus.COMPLETED,
        TrialStatus.FAILED: AxStatus.FAILED,
        TrialStatus.ABANDONED: AxStatus.ABANDONED,
        TrialStatus.RUNNING: AxStatus.RUNNING,
    }
    assert {trial.status for trial in history} == set(same)
    for trial in history:
        ours = view.trials[trial.index]
        assert ours.status == same[trial.status]
        assert ours.status_reason == trial.reason
        if trial.ended_at is not None:
            assert ours.time_completed.timestamp() == trial.ended_at
            assert ours.time_created.timestamp() == trial.proposed_at


def test_metrics_are_kept_and_all_but_the_objective_are_tracked(space, history):
    view = experiment(space, history, MAXIMISE, metrics=["latency"])
    assert view.optimization_config.objective.metric_names == ["accuracy"]
    assert {metric.name for metric in view.tracking_metrics} == {"params", "latency"}
    table = view.lookup_data().df.pivot(index="trial_index", columns="metric_name", values="mean")
    assert table.index.tolist() == [trial.index for trial in history.completed]
    assert table.accuracy.to_numpy() == pytest.approx(history.values("accuracy"), rel=0)
    assert table.params.to_numpy() == pytest.approx(history.values("params"), rel=0)


@pytest.mark.parametrize("text", ["accuracy", "-params", "-accuracy"])
def test_ax_and_the_objective_agree_on_the_best_trial(space, history, text):
    objective = Objective.parse(text)
    view = client(space, history, objective)
    (best,) = objective.best(history)
    parameters, values, index, _ = view.get_best_parameterization(use_model_predictions=False)
    assert index == best.index
    assert space.from_parameters(parameters) == best.architecture
    assert values[objective.goal.metric][0] == pytest.approx(best.metrics[objective.goal.metric])


@pytest.mark.slow
def test_saved_file_opens_as_the_same_experiment(tmp_path, space, history):
    path = tmp_path / "run.ax.json"
    view = client(space, history, MAXIMISE, name="my run")
    save_ax_json(view, path)
    assert os.listdir(tmp_path) == ["run.ax.json"]
    loaded = Client.load_from_json_file(str(path))
    assert loaded._experiment == view._experiment
    assert loaded._experiment.name == "my run"
    assert_frame_equal(loaded.summarize(), view.summarize(), check_like=True, rtol=1e-9)
    best, reloaded = (c.get_best_parameterization(use_model_predictions=False) for c in (view, loaded))
    assert (reloaded[0], reloaded[2]) == (best[0], best[2])


def test_saving_replaces_a_file_whole_or_not_at_all(tmp_path, space):
    path = tmp_path / "run.json"
    path.write_text("older")
    broken = client(space, run_of(space, 3), MAXIMISE)
    broken._experiment._properties["not json"] = object()
    with pytest.raises(Exception, match="object"):
        save_ax_json(broken, path)
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["run.json"]
    save_ax_json(client(space, run_of(space, 3), MAXIMISE), path)
    json.loads(path.read_text())
    with pytest.raises(UserError, match=r"cannot write '.*absent.*': No such file"):
        save_ax_json(broken, tmp_path / "absent" / "run.json")


def test_analyses_of_ax_work_on_it(space, history):
    view = client(space, history, MAXIMISE)
    (best,) = MAXIMISE.best(history)
    card = BestTrials().compute(experiment=view._experiment, generation_strategy=None)
    assert card.df.trial_index.tolist() == [best.index]
    summary = Summary().compute(experiment=view._experiment, generation_strategy=None).df
    assert len(summary) == len(history)
    assert summary.set_index("trial_index").accuracy[best.index] == best.metrics["accuracy"]
    failed = next(trial for trial in history if trial.status is TrialStatus.FAILED)
    assert failed.reason in summary.set_index("trial_index").status_reason[failed.index]


def test_histories_with_holes_and_without_trials_are_shown(space):
    full = run_of(space, 8)
    some = History([full.trials[2], full.trials[7]])
    assert sorted(experiment(space, some, MAXIMISE).trials) == [2, 7]
    empty = client(space, History(), MAXIMISE, metrics=["accuracy", "params"])
    assert not empty._experiment.trials
    assert {metric.name for metric in empty._experiment.tracking_metrics} == {"params"}


def test_values_that_are_not_finite_are_left_out(space):
    trial = Trial(
        0,
        space.sample(1, np.random.default_rng(0))[0],
        TrialStatus.COMPLETED,
        {"accuracy": 1.0, "params": math.nan, "latency": math.inf},
    )
    view = experiment(space, History([trial]), MAXIMISE)
    assert view.lookup_data().df.metric_name.tolist() == ["accuracy"]
    assert view.trials[0].status == AxStatus.COMPLETED


@pytest.mark.parametrize("name", ["E", "lambda", "pi", "None"])
def test_names_that_mean_something_to_ax_are_refused(space, name):
    with pytest.raises(UserError, match=f"Ax cannot read the objective '{name}'"):
        client(space, History(), Objective.parse(name))


def test_a_thousand_trials_take_a_moment():
    space = get_space("mbv3")
    history = run_of(space, 1_000)
    start = time.process_time()
    client(space, history, MAXIMISE)
    assert time.process_time() - start < 3
