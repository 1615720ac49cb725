"""Each card of real experiments, computed by the real Ax."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bonag.ui.background.cards import compute
from bonag.ui.cards import cards
from bonag.ui.site import FRESH
from bonag.ui.sources.folder import FolderSource

from .conftest import made_trials

pytestmark = pytest.mark.slow

RUNS = {
    "single": {"objective": "accuracy"},
    "bounded": {"objective": "accuracy", "constraints": ["params<=1e6"]},
    "several": {"objective": ["accuracy", "-params"], "constraints": ["macs<=2e8"]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import bonag

    root: Path = tmp_path_factory.mktemp("results")
    for name, options in RUNS.items():
        bonag.search("nb201", budget=16, strategy="evolution", name=name, out=root, **options)
    return root


@pytest.mark.parametrize("run", RUNS)
def test_every_card_of_a_run_has_something_to_show(folder, run):
    source = FolderSource(folder)
    names = []
    for card in cards(source.view(run)):
        if card.absent or card.demand:
            continue
        computed = compute(source, run, 1, card)
        assert computed.problem is None, card.id
        assert computed.trials == 16
        assert computed.shown
        for one in computed.shown:
            assert one.figure or one.rows or one.explanation
            if one.figure:
                assert json.loads(one.figure)["data"]
        names.append(card.id)
    assert {"bonag-validation", "bonag-effects", "bonag-marginal-0", "utility", "health", "summary"} <= {*names}


def test_ax_draws_its_own_diagnostics_when_asked(folder):
    source = FolderSource(folder)
    card = next(card for card in cards(source.view("single")) if card.id == "ax-sensitivity-0")
    assert card.demand
    assert json.loads(compute(source, "single", 1, card).shown[0].figure)["data"]


def test_a_card_that_ax_cannot_compute_says_why(folder):
    source = FolderSource(folder)
    card = next(card for card in cards(source.view("single")) if card.id == "effects")
    computed = compute(source, "single", 1, replace(card, metrics=("no such metric",)))
    assert not computed.shown
    assert "no such metric" in computed.problem
    assert "Traceback" not in computed.problem


def test_a_run_does_not_show_the_cards_of_one_that_had_its_name(make, visit, tmp_path):
    folder = make("run", made_trials(6))
    page = visit(tmp_path / "results").get

    def card():
        # A card that is on its way has itself fetched again.
        end = time.monotonic() + 600
        while "data-poll" in (text := page("/runs/run/analyses/best-trials").text) and time.monotonic() < end:
            time.sleep(0.2)
        return text

    assert ">80.5<" in card()
    shutil.rmtree(folder)
    make("run", [replace(t, metrics={"accuracy": t.metrics["accuracy"] + 10}) for t in made_trials(6)])
    time.sleep(2 * FRESH)
    assert ">90.5<" in card()
