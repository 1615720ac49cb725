"""Each card of real experiments, computed by the real Ax."""

import json
from pathlib import Path

import pytest

from bonag.ui.analyses.catalogue import cards
from bonag.ui.analyses.computing import compute
from bonag.ui.sources.folder import FolderSource

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
    assert {"bonag-validation", "bonag-effects-0", "bonag-marginal-0", "utility", "health", "summary"} <= {*names}


def test_ax_draws_its_own_diagnostics_when_asked(folder):
    source = FolderSource(folder)
    card = next(card for card in cards(source.view("single")) if card.id == "ax-sensitivity-0")
    assert card.demand
    assert json.loads(compute(source, "single", 1, card).shown[0].figure)["data"]


def test_a_card_that_ax_cannot_compute_says_why(folder):
    from dataclasses import replace

    source = FolderSource(folder)
    card = next(card for card in cards(source.view("single")) if card.id == "effects-0")
    computed = compute(source, "single", 1, replace(card, metrics=("no such metric",)))
    assert not computed.shown
    assert "no such metric" in computed.problem
    assert "Traceback" not in computed.problem
