"""What is shown of Ax's cards: nothing that stored text could make of them, and marks that can be read."""

import base64
import json
from types import SimpleNamespace

import numpy as np
import pytest

from bonag.ax.figures import TICKS, fit_figure
from bonag.ax.markup import safe_figure, safe_markdown
from bonag.ui.cards import RECENT, cards
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import get_space


def view(n=20, objective=("accuracy",), constraints=(), space="nb201"):
    objective = Objective.parse(objective, constraints)
    found = get_space(space)
    metrics = dict.fromkeys((*objective.metrics, "macs"), 1.0)
    architectures = found.sample(1, np.random.default_rng(0)) * n
    history = History(Trial(i, a, TrialStatus.COMPLETED, metrics) for i, a in enumerate(architectures))
    return SimpleNamespace(history=history, objective=objective, space=found, config=SimpleNamespace(predictor="gp"))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[here](javascript:alert(1))",
        "![here](http://elsewhere/x.png)",
        "<javascript:alert(1)>",
        "[here]\n\n[here]: javascript:alert(1)",
        "&lt;script&gt;",
    ],
)
def test_a_text_makes_no_links_images_or_tags(text):
    made = safe_markdown(text)
    for tag in ("<script", "<img", "<a ", "<a>"):
        assert tag not in made


def test_a_text_keeps_its_emphasis_and_shows_tags_as_text():
    assert safe_markdown("**best** <b>x</b>") == "<p><strong>best</strong> &lt;b&gt;x&lt;/b&gt;</p>"
    assert safe_markdown("`<b>`") == "<p><code>&lt;b&gt;</code></p>"
    assert "<li>one</li>" in safe_markdown("Two:\n- one\n- two")


def test_stored_text_is_shown_as_it_is_in_a_figure_and_breaks_of_ax_stay():
    name = "<b>arm</b> <a href='javascript:alert(1)'>1</a>"
    blob = json.dumps(
        {
            "data": [{"type": "scatter", "x": [1, 2], "text": [f"Arm: {name}<br />ok", "<a href='http://x'>y</a>"]}],
            "layout": {"xaxis": {"title": {"text": name}}, "template": {"x": "<script>"}, "title": {"text": "T"}},
        }
    )
    made = json.loads(safe_figure(blob, {name, "plain"}))
    first, second = made["data"][0]["text"]
    escaped = "&lt;b&gt;arm&lt;/b&gt; &lt;a href='javascript:alert(1)'&gt;1&lt;/a&gt;"
    assert first == f"Arm: {escaped}<br />ok"
    assert second == "&lt;a href='http://x'>y&lt;/a>"
    assert made["layout"]["xaxis"]["title"]["text"] == escaped
    assert not {"template", "title"} & made["layout"].keys()


def test_a_figures_json_has_no_values_that_browsers_cannot_read():
    assert json.loads(safe_figure('{"data": [{"x": [1, NaN, Infinity]}], "layout": {}}', ()))["data"][0]["x"] == [
        1,
        None,
        None,
    ]


def test_long_names_at_an_axis_are_cut_and_stay_text():
    names = [f"<b>a long name</b> of arm {i}" for i in range(3)]
    layout = {"xaxis": {"tickvals": names, "ticktext": names}}
    made = json.loads(safe_figure(json.dumps({"data": [], "layout": layout}), names))
    assert made["layout"]["xaxis"]["ticktext"] == ["&lt;b&gt;a long name&lt;…"] * 3


def binary(values):
    return {"dtype": "f8", "bdata": base64.b64encode(np.array(values, dtype="f8").tobytes()).decode()}


def test_one_trace_per_arm_becomes_one_trace_and_one_scale():
    marker = {"color": "red", "showscale": True, "cmin": 0, "cmax": 9, "colorscale": [[0, "red"], [1, "blue"]]}
    traces = [
        {
            "type": "scatter", "mode": "markers", "x": [f"{i}_0"], "y": binary([i / 2]), "text": [f"arm {i}"],
            "marker": marker, "showlegend": False, "error_y": {"array": binary([0.1])},
        }
        for i in range(40)
    ]  # fmt: skip
    names = [f"{i}_0" for i in range(40)]
    made = fit_figure({"data": traces, "layout": {"xaxis": {"tickvals": names, "ticktext": names}}})
    marks, scale = made["data"]
    assert marks["x"] == names
    assert marks["y"] == [i / 2 for i in range(40)]
    assert marks["error_y"]["array"] == [0.1] * 40
    assert scale["marker"]["showscale"]
    assert scale["x"] == [None]
    assert len(made["layout"]["xaxis"]["tickvals"]) <= TICKS


def test_what_cannot_be_there_says_why_in_a_sentence():
    by_id = {card.id: card for card in cards(view(objective=("accuracy", "-params"), constraints=["params<=5"]))}
    for name in ("best-trials", "feasible"):
        assert by_id[name].absent.endswith(".")


def test_large_runs_are_cut_or_left_out():
    by_id = {card.id: card for card in cards(view(n=5000))}
    for card in by_id.values():
        assert card.absent or card.demand or card.seconds < 30
    assert by_id["effects"].recent == RECENT
    assert by_id["utility"].absent


def test_models_of_ax_are_computed_on_demand_only():
    for card in cards(view()):
        assert card.demand == (card.model == "ax")
