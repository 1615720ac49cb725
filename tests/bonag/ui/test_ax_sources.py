"""Ax experiments that bonag did not make: read as data, as they are, without a trace."""

import json
import math
import pickle
import sqlite3
import time
from pathlib import Path

import pytest

from bonag.ax.untrusted import arithmetic_only
from bonag.ui.background.growing import Growing
from bonag.ui.background.jobs import Jobs
from bonag.ui.source import UnknownKeyError
from bonag.ui.sources.ax_stores import AxJson, AxSql, is_snapshot, is_store
from loops.history import History, TrialStatus
from loops.objective import Objective
from search_spaces import get_space
from search_spaces.errors import UserError

EVIL = "<img src=x onerror=alert(1)>"


def foreign_client(objective="acc, -lat", constraints=("mem <= 90",)):
    from ax import ChoiceParameterConfig, Client, RangeParameterConfig

    client = Client()
    client.configure_experiment(
        name="<b>foreign</b>",
        parameters=[
            RangeParameterConfig(name="lr", bounds=(1e-4, 1e-1), parameter_type="float", scaling="log"),
            ChoiceParameterConfig(name="opt", values=["adam", EVIL], parameter_type="str", is_ordered=False),
        ],
    )
    if objective:
        client.configure_optimization(objective, outcome_constraints=list(constraints))
    client.configure_tracking_metrics(["<i>x</i>"] if objective else ["acc", "lat", "mem", "<i>x</i>"])
    for i in range(8):
        index = client.attach_trial({"lr": 10 ** -(1 + i / 4), "opt": ("adam", EVIL)[i % 2]}, arm_name=f"<b>{i}</b>")
        if i == 3:
            client.mark_trial_failed(index, f"{EVIL} out of memory")
        elif i == 4:
            client.mark_trial_abandoned(index)
        elif i == 5:
            client.attach_data(index, {"acc": 0.1, "lat": 1.0, "mem": 1.0, "<i>x</i>": 0.0}, progression=1)
            client.mark_trial_early_stopped(index)
        elif i < 7:
            client.complete_trial(index, {"acc": i / 10, "lat": 5.0 - i, "mem": 80.0 + 10 * i, "<i>x</i>": 0.0})
    return client


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    path = tmp_path_factory.mktemp("ax") / "two.json"
    foreign_client().save_to_json_file(str(path))
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from ax.storage.sqa_store import db
    from ax.storage.sqa_store.save import save_experiment

    path = tmp_path_factory.mktemp("ax") / "store.db"
    before = db.SESSION_FACTORY
    db.SESSION_FACTORY = None
    db.init_engine_and_session_factory(url=f"sqlite:///{path}")
    db.create_all_tables(db.get_engine())
    save_experiment(foreign_client()._experiment)
    other = foreign_client("-lat", ())._experiment
    other.name = "second"
    save_experiment(other)
    db.get_engine().dispose()
    db.SESSION_FACTORY = before
    return path


def changed(snapshot, tmp_path, change):
    content = json.loads(snapshot.read_text())
    change(content["experiment"])
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(content))
    return AxJson(path)


def check_foreign(view):
    assert view.space is None
    assert view.config is None
    assert str(view.objective) == "acc, -lat subject to mem<=90"
    statuses = [str(trial.status) for trial in view.history]
    assert statuses == [*["completed"] * 3, "failed", "abandoned", "stopped", "completed", "running"]
    first = view.history.trials[0]
    assert str(first.architecture) == "lr=0.1, opt=adam"
    assert first.architecture.name == "<b>0</b>"
    assert first.metrics["lat"] == 5.0
    assert view.history.trials[3].reason == f"{EVIL} out of memory"
    assert view.history.trials[5].reason == "stopped early"
    assert view.history.trials[5].metrics["acc"] == 0.1
    # 100 and more of mem is not feasible.
    assert view.summary.gain.best == 0.1
    assert len({trial.architecture for trial in view.history}) == 8


def test_a_snapshot_is_known_by_its_beginning(snapshot, tmp_path):
    assert is_snapshot(snapshot)
    for text in ("", "{", '{"a": 1}', '{"name": "config"}'):
        other = tmp_path / "other.json"
        other.write_text(text)
        assert not is_snapshot(other)
    assert not is_snapshot(tmp_path / "absent.json")


def test_a_snapshot_opens_with_all_its_trials(snapshot):
    source = AxJson(snapshot)
    check_foreign(source.view("two"))
    assert source.summaries()[0].trials == 8
    assert len(source.experiment("two").trials) == 8
    with pytest.raises(UnknownKeyError):
        source.view("../two")


def test_an_experiment_alone_opens_too(snapshot, tmp_path):
    path = tmp_path / "alone.json"
    path.write_text(json.dumps(json.loads(snapshot.read_text())["experiment"]))
    assert is_snapshot(path)
    check_foreign(AxJson(path).view("alone"))


def test_a_weighted_sum_is_a_metric_of_its_own(tmp_path):
    path = tmp_path / "sum.json"
    foreign_client("2*acc - 0.5*lat", ()).save_to_json_file(str(path))
    view = AxJson(path).view("sum")
    (goal,) = view.objective.goals
    assert goal.maximise
    assert math.isclose(view.history.completed[0].metrics[goal.metric], -2.5)
    assert "weighted sum" in view.description


def test_without_an_objective_the_first_metric_is_shown_and_said(tmp_path):
    path = tmp_path / "none.json"
    foreign_client(None).save_to_json_file(str(path))
    view = AxJson(path).view("none")
    assert "no objective" in view.description
    assert view.objective.goals[0].metric in view.history.completed[0].metrics


def test_a_bound_relative_to_a_status_quo_that_was_not_measured_is_left_out_and_said(snapshot, tmp_path):
    def relative(experiment):
        experiment["optimization_config"]["outcome_constraints"][0]["relative"] = True

    view = changed(snapshot, tmp_path, relative).view("changed")
    assert not view.objective.constraints
    assert "relative to a status quo" in view.description


def test_an_experiment_of_a_bonag_space_has_its_architectures(tmp_path):
    from bonag.ax import save_ax_json
    from bonag.ax.view import client

    from .conftest import made_trials

    trials, space, path = made_trials(6), get_space("nb201"), tmp_path / "exported.json"
    save_ax_json(client(space, History(trials), Objective.parse("accuracy")), path)
    view = AxJson(path).view("exported")
    assert view.space is space
    assert view.summary.space == "nb201"
    assert view.config is None
    assert [trial.architecture for trial in view.history] == [trial.architecture for trial in trials]
    content = json.loads(path.read_text())
    # With one operation more it is another space, whatever the description says.
    content["experiment"]["search_space"]["parameters"][0]["values"].append("conv_7x7")
    path.write_text(json.dumps(content))
    view = AxJson(path).view("exported")
    assert view.space is None
    assert len(view.history) == 6


def test_arms_of_a_batch_are_trials(tmp_path):
    from ax.core.arm import Arm

    client = foreign_client()
    batch = client._experiment.new_batch_trial()
    for i in range(3):
        batch.add_arm(Arm({"lr": 0.011 + i / 100, "opt": "adam"}, name=f"batch {i}"))
    path = tmp_path / "batch.json"
    client.save_to_json_file(str(path))
    view = AxJson(path).view("batch")
    assert [trial.index for trial in view.history] == list(range(11))
    assert view.history.trials[-1].provenance["ax_trial"] == 8
    assert view.history.trials[-1].reason == "proposed, not started"


@pytest.mark.parametrize(
    "text", ["open('x')", "x.y", "x[0]", "[x for x in y]", "9**9**9", "lambda: 0", "'a'", "a and b"]
)
def test_expressions_are_sums_and_nothing_else(text):
    from sympy import sympify

    with arithmetic_only(), pytest.raises(UserError):
        sympify(text)
    with arithmetic_only():
        assert str(sympify("2*a - 0.5*b")) == "2*a - 0.5*b"


def test_code_in_an_objective_does_not_run(snapshot, tmp_path):
    # Spelled so that it passes Ax's own cleaning of names, and would open a file.
    path = tmp_path / "opened"
    name = "+".join(f"chr(0+{ord(letter)})" for letter in str(path))

    def attack(experiment):
        experiment["optimization_config"]["objective"]["expression"] = f"open({name}, chr(0+119))"

    with pytest.raises(UserError, match="no sum of metrics"):
        changed(snapshot, tmp_path, attack).view("changed")
    assert not path.exists()


def test_no_class_is_made_but_those_that_hold_values(snapshot, tmp_path):
    def attack(experiment):
        experiment["description"] = {"__type": "SklearnMetric", "name": "x"}

    with pytest.raises(UserError, match="holds a 'SklearnMetric'"):
        changed(snapshot, tmp_path, attack).view("changed")


def test_runners_and_metrics_of_somebodys_own_are_no_obstacle(snapshot, tmp_path):
    def own(experiment):
        experiment["runner"] = {"__type": "MyRunner", "host": "x"}
        metric = {"__type": "MyMetric", "name": "mine", "lower_is_better": None, "secret": {"__type": "Mine"}}
        experiment["tracking_metrics"].append(metric)

    check_foreign(changed(snapshot, tmp_path, own).view("changed"))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"experiment": 3}', '{"experiment": {"__type": "Experiment"}}', "[" * 100_000]
)
def test_what_is_no_snapshot_gets_one_line(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    (summary,) = AxJson(path).summaries()
    assert summary.state == "unreadable"
    assert "bad.json" in summary.problem
    assert "\n" not in summary.problem


def test_a_store_lists_and_opens_all_its_experiments_and_stays_as_it_is(store):
    before, files = store.read_bytes(), sorted(store.parent.iterdir())
    assert is_store(store)
    source = AxSql(store)
    first, second = source.summaries()
    assert (first.name, second.name) == ("<b>foreign</b>", "second")
    assert first.trials == 8
    check_foreign(source.view(first.key))
    assert str(source.view(second.key).objective) == "-lat"
    assert len(source.experiment(first.key).trials) == 8
    source.stamp(first.key)
    assert store.read_bytes() == before
    assert sorted(store.parent.iterdir()) == files
    with pytest.raises(UnknownKeyError):
        source.view("9")


def test_ax_is_left_with_its_own_database(store):
    from ax.storage.sqa_store import db

    before = db.SESSION_FACTORY
    AxSql(store).view("1")
    assert db.SESSION_FACTORY is before


def test_a_stores_stamp_changes_with_a_trial(store, tmp_path):
    copy = tmp_path / "copy.db"
    copy.write_bytes(store.read_bytes())
    source = AxSql(copy)
    stamps = source.stamp("1"), source.stamp("2")
    with sqlite3.connect(copy) as connection:
        connection.execute('UPDATE trial_v2 SET status = 3 WHERE experiment_id = 1 AND "index" = 7')
    connection.close()
    assert source.stamp("1") != stamps[0]
    assert source.stamp("2") == stamps[1]


@pytest.mark.slow
def test_the_background_process_reads_and_the_page_says_so_meanwhile(snapshot):
    jobs = Jobs()
    source = AxJson(snapshot)
    source.read_in_background(Growing(jobs))
    try:
        stamp, view = source.stamp("two"), source.view("two")
        assert view.summary.state == "reading"
        assert "in the background" in view.description
        end = time.monotonic() + 600
        while source.stamp("two") == stamp and time.monotonic() < end:
            time.sleep(0.1)
        check_foreign(source.view("two"))
        assert pickle.loads(pickle.dumps(source)).view("two").summary == source.view("two").summary  # noqa: S301
    finally:
        jobs.close()


def test_a_completed_trial_without_the_objective_has_failed(snapshot, tmp_path):
    def other(experiment):
        experiment["optimization_config"]["outcome_constraints"][0]["metric"]["name"] = "never measured"

    view = changed(snapshot, tmp_path, other).view("changed")
    assert not view.history.completed
    assert view.history.trials[0].status is TrialStatus.FAILED
    assert "never measured" in view.history.trials[0].reason


def test_paths_are_not_made_of_keys(snapshot):
    with pytest.raises(UnknownKeyError):
        AxJson(Path(snapshot)).stamp("../../etc/passwd")


def test_a_trial_is_read_for_the_page_as_the_node_reads_it(snapshot, tmp_path):
    from bonag.ax.trials import trials_of

    client = foreign_client()
    # Steps in another order than they were taken, and a value of no use.
    client.attach_data(7, {"acc": 0.9, "lat": 1.0, "mem": 1.0}, progression=2)
    client.attach_data(7, {"acc": 0.1, "lat": 9.0, "mem": 1.0}, progression=1)
    client._experiment.trials[7].mark_completed()
    index = client.attach_trial({"lr": 0.05, "opt": "adam"})
    client.complete_trial(index, {"acc": 0.5, "lat": 1.0, "mem": 1.0, "<i>x</i>": math.nan})
    path = tmp_path / "shared.json"
    client.save_to_json_file(str(path))
    history = AxJson(path).view("shared").history
    experiment = client._experiment
    node = trials_of(
        None, experiment, experiment.lookup_data(), ["acc", "lat", "mem"], stand_in=lambda arm: arm.name
    ).values()
    assert [(t.status, t.reason) for t in history] == [(t.status, t.reason) for t in node]
    assert history.trials[7].metrics["acc"] == 0.9
    assert history.trials[index].reason == "metric '<i>x</i>' is nan"
