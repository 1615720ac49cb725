"""The page on the generator: what it says in every state of a run."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest

from .conftest import Make, made_trials
from .test_predictor_page import Inside, Shelf, ax_view, figures, settled


def test_a_run_with_few_trials_shows_its_proposals_and_says_what_is_to_come(make: Make, visit, tmp_path):
    make("young", made_trials(3))
    page = visit(tmp_path / "results").get("/runs/young/generator").text
    assert "3 trials have completed so far. From 5 on" in page
    assert "data-poll" not in page
    (url,) = figures(page)
    assert "origins" in url


def test_a_run_without_trials_is_a_page_too(make: Make, visit, tmp_path):
    make("new")
    answer = visit(tmp_path / "results").get("/runs/new/generator")
    assert answer.status_code == 200
    assert not figures(answer.text)


def test_an_experiment_without_a_space_says_what_is_missing(visit):
    browser = visit(Shelf(ax_view()))
    page = browser.get("/runs/ax/generator").text
    assert "graphs of a bonag search space" in page
    (url,) = figures(page)
    answer = browser.get(unescape(url)).json()
    assert answer["summary"] == "loss of 12 trials by origin: 12 unknown, median 5.5."


@pytest.mark.slow
def test_a_strategy_without_a_generator_is_shown_beside_unguided_samples(make: Make, visit, tmp_path, monkeypatch):
    monkeypatch.setattr("bonag.ui.background.jobs.Worker", Inside)
    make("evolves", made_trials(12), objective=("accuracy", "-latency"), evaluator="mine", task=None)
    browser = visit(tmp_path / "results")
    page = settled(browser, "/runs/evolves/generator/part")
    assert "Strategy evolution steers no generator" in page
    assert "Values of accuracy and latency are predicted from all trials" in page
    assert page.count('data-kind="unguided"') == page.count('data-kind="proposed"') == 2
    assert [url.split("?")[0].rsplit("/")[-1] for url in figures(page)] == ["guidance"] * 2 + ["origins"] * 2
    for url in figures(page):
        answer = browser.get(url).json()
        assert answer["data"]
        assert answer["summary"] in page
    # The colours of the legend mean the strategies' steps.
    assert {trace["name"] for trace in browser.get(figures(page)[-1]).json()["data"]} == {"mutation"}
    assert browser.get("/runs/evolves/generator/figures/guidance?metric=energy").status_code == 404
    assert browser.get("/runs/evolves/generator/figures/guidance?metric=accuracy&version=1-1").status_code == 404


@pytest.mark.slow
def test_guidance_comes_from_the_background(make: Make, visit, tmp_path):
    trials = [replace(trial, provenance={"origin": "guided"}) for trial in made_trials(12)]
    make("guides", trials, strategy="bonag", evaluator="surrogate")
    page = settled(visit(tmp_path / "results"), "/runs/guides/generator/part")
    assert "Values of accuracy are what the run's evaluator says." in unescape(page)
    assert page.count('data-kind="guided"') == 2
    assert "Better than all before" in page
