"""The choices of a space on the page of analyses, and the cards below them that wait to be unfolded."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest

from bonag.ui.sources.ax import AxArm
from loops.history import Trial, TrialStatus
from search_spaces import get_space

DONE = TrialStatus.COMPLETED


def trials(name, n=20):
    space = get_space(name)
    found = enumerate(space.sample(n, np.random.default_rng(0)))
    return [Trial(i, one, DONE, {"accuracy": 80.0 + i % 7, "latency": 9.0 - i % 5}) for i, one in found]


def figures(text):
    return [unescape(one) for one in re.findall(r'data-figure="([^"]+/choices/[^"]+)"', text)]


@pytest.mark.parametrize("name", ["nb201", "nb101", "mbv3", "darts", "nbgraph", "nlp"])
def test_every_space_has_its_four_figures(name, site, view_of):
    client = site(view_of(trials(name), get_space(name), ["accuracy", "-latency"]))
    text = client.get("/runs/run/analyses?metric=latency").text
    found = figures(text)
    assert [one.partition("?")[0].rpartition("/")[2] for one in found] == [
        "parallel.json",
        "a.json",
        "b.json",
        "pair.json",
    ]
    for one in found:
        made = client.get(one)
        assert made.status_code == 200
        assert made.json()["data"]
    assert "<option selected>latency</option>" in text


def test_two_choices_are_those_of_the_address_and_else_the_most_telling(site, view_of):
    own = trials("nb201")
    own = [
        Trial(one.index, one.architecture, DONE, {"accuracy": float("none~2" in str(one.architecture))}) for one in own
    ]
    client = site(view_of(own, get_space("nb201")))
    assert "a=edge_3_2" in figures(client.get("/runs/run/analyses").text)[1], "by which the values were made"
    chosen = client.get("/runs/run/choices?a=edge_1_0&b=edge_2_0").text
    assert "<html" not in chosen
    assert "a=edge_1_0&b=edge_2_0" in figures(chosen)[3]
    assert "a=edge_3_2" in figures(client.get("/runs/run/choices?a=<script>&metric=nix").text)[1]
    assert client.get("/runs/run/choices/nix.json").status_code == 404


def test_parameters_of_others_are_choices_and_text(site, view_of):
    arms = [AxArm(f"{i}_0", (("lr", 0.1 * i), ("<b>", f"<i>{i % 2}"))) for i in range(12)]
    own = [Trial(i, arm, DONE, {"loss": 1.0 - i / 4}) for i, arm in enumerate(arms)]
    client = site(view_of(own, None, "-loss"))
    text = client.get("/runs/run/analyses").text
    assert "<b>" not in text
    for one in figures(text):
        made = client.get(one).json()
        # The summary is text, the rest would be markup to plotly.
        assert "<i>" not in str((made["data"], made["layout"]))


def test_cards_are_folded_and_nothing_is_computed_before_one_is_looked_at(site, view_of):
    client = site(view_of(trials("nb201"), get_space("nb201")))
    text = client.get("/runs/run/analyses").text
    cards = re.findall(r'<details class="card analysis[^>]*id="card-[^>]*>', text)
    assert len(cards) > 6
    assert not any(" open" in card for card in cards)
    assert "data-poll" not in text
    assert "data-poll" in client.get("/runs/run/analyses/health").text
    again = client.get("/runs/run/analyses").text
    assert re.search(r'id="card-health"[^>]* open', again), "it is on its way, and shown so"


def test_before_the_first_trial_there_is_nothing_to_choose(site, view_of):
    client = site(view_of([], get_space("nb201")))
    assert figures(client.get("/runs/run/analyses").text) == []
    assert figures(client.get("/runs/run/choices").text) == []
