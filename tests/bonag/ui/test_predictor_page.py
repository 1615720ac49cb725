"""The page on the predictor: what it says in every state of a run."""

from __future__ import annotations

import pickle
import re
import time
from dataclasses import replace
from html import unescape

# Here, since the pages and the work inside this process must not import it at once.
import pandas  # noqa: F401
import pytest
from starlette.testclient import TestClient

from bonag.ui.source import Source, Summary, View
from bonag.ui.sources.ax import AxArm
from loops.ending import RunState
from loops.gain import NOTHING
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import get_space

from .conftest import Make, made_trials


class Shelf(Source):
    """A source of one view, which can be exchanged."""

    def __init__(self, view: View) -> None:
        self.now = view

    def summaries(self):
        return [self.now.summary]

    def stamp(self, key):
        return len(self.now.history)

    def view(self, key, before=None):
        return self.now

    def experiment(self, key):
        raise NotImplementedError


def ax_view() -> View:
    arms = [AxArm(f"{i}_0", (("lr", 0.1 * i),)) for i in range(12)]
    trials = [Trial(i, arm, TrialStatus.COMPLETED, {"loss": float(i)}) for i, arm in enumerate(arms)]  # type: ignore[arg-type]
    summary = Summary("ax", "ax", "ax", "running", None, None, None, "-loss", NOTHING, 12)
    return View(summary, History(trials), Objective.parse("-loss"), None, None, "", None, "ax.json")


class Inside:
    """Does the work of the background process in this one, which has PyTorch already."""

    alive = True

    def do(self, payload: bytes, progress: object, limit: float) -> tuple[object, None, int]:
        function, args = pickle.loads(payload)  # noqa: S301
        content = pickle.dumps(function(*args))
        return pickle.loads(content), None, len(content)  # noqa: S301

    def kill(self) -> None:
        """There is nothing to end."""


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real jobs, but for their process; and less of the work, whose results other tests look at."""
    monkeypatch.setattr("bonag.ui.background.jobs.Worker", Inside)
    monkeypatch.setattr("bonag.insight.importance.MOST_PREDICTIONS", 3000)
    monkeypatch.setattr("bonag.insight.validation.FITS_AHEAD", 2)


def settled(browser: TestClient, path: str) -> str:
    """The page once nothing is being computed any more."""
    for _ in range(6000):
        answer = browser.get(path)
        assert answer.status_code == 200
        if "data-poll" not in answer.text:
            return unescape(answer.text)
        time.sleep(0.2)
    raise AssertionError(answer.text)


def figures(page: str) -> list[str]:
    return re.findall(r'data-figure="([^"]+)"', page)


def test_a_run_with_few_trials_says_from_when_on_there_is_something(make: Make, visit, tmp_path):
    make("young", made_trials(4))
    page = visit(tmp_path / "results").get("/runs/young/predictor").text
    assert "4 completed trials have a value of accuracy so far" in page
    assert "From 10 on" in page
    assert "data-poll" not in page
    assert not figures(page)


def test_an_experiment_without_a_space_says_what_is_missing(visit):
    page = visit(Shelf(ax_view())).get("/runs/ax/predictor").text
    assert "graphs of a bonag search space" in page
    assert "data-poll" not in page


def test_every_metric_has_its_page_and_nothing_else_has(make: Make, visit, tmp_path):
    trials = [replace(trial, metrics={**trial.metrics, "params": 1e5}) for trial in made_trials(3)]
    make("two", trials, objective=("accuracy", "-latency"), constraints=("params<=1e6",))
    browser = visit(tmp_path / "results")
    page = browser.get("/runs/two/predictor").text
    links = re.findall(r'href="(/runs/two/predictor\?metric=[^"]+)"', page)
    assert [link.partition("=")[2] for link in links] == ["accuracy", "latency", "params"]
    assert "value of latency" in browser.get("/runs/two/predictor?metric=latency").text
    assert browser.get("/runs/two/predictor?metric=energy").status_code == 404
    assert browser.get("/runs/none/predictor").status_code == 404
    for address in ("predicted?metric=accuracy", "predicted?metric=accuracy&version=3-1", "nothing?version=x"):
        assert browser.get(f"/runs/two/predictor/figures/{address}").status_code == 404


@pytest.mark.slow
def test_numbers_and_figures_come_from_the_background(make: Make, visit, tmp_path):
    shows_everything(make, visit, tmp_path)


@pytest.mark.slow
def test_numbers_and_figures_stand_beside_one_another(make: Make, visit, tmp_path, inside):
    shows_everything(make, visit, tmp_path)


def shows_everything(make: Make, visit, tmp_path) -> None:
    make("done", made_trials(24), state=RunState.FINISHED)
    browser = visit(tmp_path / "results")
    first = browser.get("/runs/done/predictor").text
    assert "Strategy evolution does not use bonag's predictors" in unescape(first)
    assert first.count("data-poll") == 2
    assert not figures(first)
    page = settled(browser, "/runs/done/predictor/part")
    names = [re.search(r"/figures/(\w+)", url)[1] for url in figures(page)]
    assert names == ["predicted", "calibration", "ahead", "importance", "effects"]
    for url in figures(page):
        answer = browser.get(url).json()
        assert answer["summary"] in page
        assert answer["data"]
    for words in ("Kendall tau", "24", "slots", "additive"):
        assert words.lower() in page.lower()


@pytest.mark.slow
def test_a_run_that_grows_is_looked_at_again_but_not_all_the_time(visit, make: Make, tmp_path, inside, monkeypatch):
    # However long the machine takes for the first look.
    monkeypatch.setattr("bonag.ui.background.growing.LEAST_REST", 600.0)
    make("grows", made_trials(12), state=None)
    shelf = Shelf(visit(tmp_path / "results").app.state.site.source.view("grows"))
    browser = visit(shelf)
    settled(browser, "/runs/grows/predictor/part")
    shelf.now = replace(shelf.now, history=History([*shelf.now.history, *made_trials(13)[12:]]))
    time.sleep(1.1)
    page = unescape(browser.get("/runs/grows/predictor/part").text)
    # What is known stays in sight, and says of what it is.
    assert page.count("Of the first 12 trials; more have come and will be looked at soon.") == 2
    assert len(figures(page)) == 5


def test_what_is_counted_is_not_called_a_prediction(make: Make, visit, tmp_path, inside):
    space = get_space("nb201")
    trials = [
        replace(trial, metrics={"accuracy": 1.0, "macs": float(space.costs(trial.architecture).macs)})
        for trial in made_trials(12)
    ]
    make("counted", trials, constraints=("macs<=1e8",))
    page = settled(visit(tmp_path / "results"), "/runs/counted/predictor/part?metric=macs")
    assert "macs is counted exactly" in page
    assert len(figures(page)) == 2


@pytest.mark.parametrize("name", ["<b>x</b>", "a/b"])
def test_what_a_metric_is_called_does_no_harm(visit, name):
    view = ax_view()
    goal = Objective.parse("-loss").goals[0]
    view = replace(view, objective=Objective((replace(goal, metric=name), goal)))
    page = visit(Shelf(view)).get("/runs/ax/predictor").text
    assert "<b>x</b>" not in page
