"""Any two metrics of a run against each other."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import numpy as np
import pytest

from bonag.ui.sources.ax import AxArm
from bonag.ui.trials import fronts
from bonag.ui.trials.fronts import with_costs
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import get_space

NB201 = get_space("nb201")
MARKUP = "<img src=x onerror=alert(1)>"


def trials(n=30):
    rng = np.random.default_rng(1)
    return [
        Trial(i, architecture, TrialStatus.COMPLETED, {"accuracy": float(a), "latency": float(b)})
        for i, (architecture, a, b) in enumerate(
            zip(NB201.sample(n, rng), rng.normal(90, 2, n), rng.uniform(1, 9, n), strict=True)
        )
    ]


def chosen(text):
    return re.findall(r"<option selected>(.*?)</option>", text)


def listed(text):
    return [int(index) for index in re.findall(r'data-point="(\d+)"', text)]


@pytest.mark.parametrize(
    ("goals", "constraints", "shown"),
    [
        (["accuracy", "-latency"], [], ["latency", "accuracy"]),
        ("accuracy", ["params<=1e6"], ["params", "accuracy"]),
        ("accuracy", [], ["latency", "accuracy"]),
        (["-params", "accuracy", "-latency"], [], ["accuracy", "params"]),
    ],
)
def test_the_first_axes_are_the_goals_or_a_cost(goals, constraints, shown, site, view_of):
    assert chosen(site(view_of(trials(), NB201, goals, constraints)).get("/runs/run/pareto").text) == shown


def test_the_front_is_the_objectives_and_its_file_holds_it(site, view_of):
    view = view_of(trials(), NB201, ["accuracy", "-latency"], ["latency<=8"])
    client = site(view)
    front = [trial.index for trial in view.objective.front(view.history)]
    assert listed(client.get("/runs/run/pareto").text) == front
    lines = list(csv.DictReader(io.StringIO(client.get("/runs/run/pareto/front.csv").text)))
    assert [int(line["trial"]) for line in lines] == front
    for line, index in zip(lines, front, strict=True):
        trial = view.history.trials[index]
        assert line["architecture"] == str(trial.architecture)
        assert float(line["accuracy"]) == trial.metrics["accuracy"]
        assert int(float(line["macs"])) == NB201.costs(trial.architecture).macs


def test_counted_costs_are_axes_though_nobody_measured_them(site, view_of):
    client = site(view_of(trials(), NB201))
    text = client.get("/runs/run/pareto?x=params&y=macs").text
    assert chosen(text) == ["params", "macs"]
    figure = client.get("/runs/run/pareto/figure?x=params&y=accuracy").json()
    assert "accuracy against params of 30 trials" in figure["summary"]
    marked = [index for trace in figure["data"] for index in _numbers(trace.get("customdata", []))]
    assert sorted(marked) == list(range(30))


def test_what_is_measured_comes_before_what_is_counted(view_of):
    own = [Trial(0, NB201.all()[7], TrialStatus.COMPLETED, {"accuracy": 1.0, "params": 5.0})]
    metrics = with_costs(view_of(own, NB201)).trials[0].metrics
    assert metrics["params"] == 5.0
    assert metrics["macs"] == NB201.costs(NB201.all()[7]).macs


def test_an_unknown_metric_is_taken_for_the_default_and_never_shown(site, view_of):
    answer = site(view_of(trials(), NB201)).get("/runs/run/pareto", params={"x": MARKUP, "y": "nothing"})
    assert answer.status_code == 200
    assert chosen(answer.text) == ["latency", "accuracy"]
    assert "onerror" not in answer.text


def test_metrics_and_architectures_with_markup_are_text(site, view_of):
    own = [
        Trial(i, AxArm(f"{i}_0", ((MARKUP, i),)), TrialStatus.COMPLETED, {"loss": 1.0 + i, MARKUP: 2.0 - i})
        for i in range(3)
    ]
    client = site(view_of(own, None, "-loss"))
    for path in ("/runs/run/pareto", "/runs/run/pareto/trials/1"):
        text = client.get(path, params={"x": MARKUP, "y": "loss"}).text
        assert "<img src=x" not in text
        assert MARKUP in unescape(text)
    assert "no front is drawn" in client.get("/runs/run/pareto", params={"x": MARKUP, "y": "loss"}).text


@pytest.mark.parametrize("status", [TrialStatus.FAILED, TrialStatus.RUNNING])
def test_runs_without_values_have_a_page(status, site, view_of):
    own = [Trial(i, trial.architecture, status, reason=MARKUP) for i, trial in enumerate(trials(3))]
    for client in (site(view_of(own, NB201)), site(view_of([], NB201))):
        text = client.get("/runs/run/pareto").text
        assert "There is no front yet" in text
        assert client.get("/runs/run/pareto/figure").json()["summary"]
        assert client.get("/runs/run/pareto/front.csv").text.count("\n") == 1


def test_the_card_shows_a_trial_and_there_is_none_for_others(site, view_of):
    client = site(view_of(trials(), NB201, "accuracy", ["latency<=1"]))
    text = client.get("/runs/run/pareto/trials/4?x=params&y=accuracy").text
    assert 'role="img"' in text
    assert 'href="/runs/run/trials/4"' in text
    assert "bound broken" in text
    assert client.get("/runs/run/pareto/trials/30").status_code == 404


def test_of_the_front_the_best_by_the_first_goal_comes_first():
    history, objective = History(trials()), Objective.parse("-latency")
    front = fronts.front(history, objective, "latency", "accuracy")
    values = [trial.metrics["latency"] for trial in front]
    assert len(values) > 1
    assert values == sorted(values)


def _numbers(data):
    """Plotly writes arrays as lists or as base64 of their bytes."""
    if isinstance(data, dict):
        import base64

        return np.frombuffer(base64.b64decode(data["bdata"]), dtype=np.dtype(data["dtype"])).tolist()
    return data
