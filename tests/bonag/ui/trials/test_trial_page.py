"""The page of one trial."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from bonag.api.found import count_costs
from bonag.ui.sources.ax import AxArm
from bonag.ui.trials.kin import family
from bonag.ui.trials.standing import rows
from loops.history import Trial, TrialStatus
from search_spaces import get_space

NB201 = get_space("nb201")
MARKUP = '<script>alert("x")</script>'
DONE = TrialStatus.COMPLETED
ORIGINS = {
    "initial": ({"origin": "initial"}, "first design"),
    "guided": ({"origin": "guided", "acquisition": -3.8034, "generated": 1607}, "of 1,607 distinct candidates"),
    "advised": ({"origin": "guided", "sources": {"earlier": 0.7, "other": 0.002}}, "to follow: earlier 70 %."),
    "misled": ({"origin": "guided", "sources": {"earlier": 0.3, "other": "x"}}, "It went by these alone"),
    "mutation": ({"origin": "mutation", "parent": 0}, "tournament"),
    "markup": ({"origin": MARKUP, "note": MARKUP}, "Proposed by"),
    "nonsense": ({"origin": None, "parent": "x", "acquisition": [1]}, "Nothing was noted"),
}


def trials(n=8, space=NB201, **last):
    found = [
        Trial(i, architecture, DONE, {"accuracy": 90.0 + i / 8, "latency": 5.0 + i})
        for i, architecture in enumerate(space.sample(n, np.random.default_rng(0)))
    ]
    if last:
        found[-1] = Trial(n - 1, found[-1].architecture, **{"status": DONE, **last})
    return found


def words(text):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


@pytest.mark.parametrize("name", ["nb201", "nb101", "mbv3", "darts", "nbgraph"])
def test_a_trial_shows_its_drawing_string_rank_and_costs(name, site, view_of):
    space = get_space(name)
    own = trials(space=space)
    text = site(view_of(own, space)).get("/runs/run/trials/6").text
    assert text.count('role="img"') >= 1
    shown, counted = words(text), space.costs(own[6].architecture)
    assert str(own[6].architecture) in shown
    assert f"{counted.params:,}" in shown
    assert f"{counted.macs:,}" in shown
    assert "Rank 2 of 8" in shown
    assert 'href="/runs/run/trials/5"' in text
    assert 'href="/runs/run/trials/7"' in text


@pytest.mark.parametrize("path", ["8", "99999999999999999999", "8/exports", "0/exports/pickle", "8/exports/onnx"])
def test_there_is_no_page_for_what_is_not_there(path, site, view_of):
    assert site(view_of(trials(), NB201)).get(f"/runs/run/trials/{path}").status_code == 404


@pytest.mark.parametrize("name", ORIGINS)
def test_how_it_was_proposed_is_told_in_words_whatever_was_noted(name, site, view_of):
    provenance, told = ORIGINS[name]
    text = site(view_of(trials(metrics={"accuracy": 1.0}, provenance=provenance), NB201)).get("/runs/run/trials/7").text
    assert told in words(text)
    assert "<script>alert" not in text
    assert ('id="parent"' in text) == (name == "mutation")


def test_what_is_stored_is_shown_as_text(site, view_of):
    failed = trials(status=TrialStatus.FAILED, reason=MARKUP)
    text = site(view_of(failed, NB201)).get("/runs/run/trials/7").text
    assert "<script>alert" not in text
    assert f"It failed: {MARKUP}" in words(text)
    assert 'data-state="failed"' in text
    assert "Nothing was measured" in words(text)


def test_an_ax_experiment_has_parameters_and_neither_drawing_nor_files(site, view_of):
    arms = [AxArm(f"{i}_0", (("lr", 0.1 * i), (MARKUP, "<b>"))) for i in range(3)]
    own = [Trial(i, arm, DONE, {"loss": 1.0 - i / 4}) for i, arm in enumerate(arms)]
    client = site(view_of(own, None, "-loss"))
    text = client.get("/runs/run/trials/1").text
    assert MARKUP in words(text)
    assert "<script>alert" not in text
    assert "<b>" not in text
    assert 'role="img"' not in text
    assert 'id="exports"' not in text
    assert "Rank 2 of 3" in words(text)
    assert client.get("/runs/run/trials/1/exports").status_code == 404


def test_a_broken_constraint_is_told_and_such_trials_take_no_rank(site, view_of):
    view = view_of(trials(), NB201, constraints=["latency<=10"])
    text = site(view).get("/runs/run/trials/7").text
    assert 'data-state="infeasible"' in text
    assert "It breaks latency<=10 (by 2)" in words(text)
    own, other = (rows(view.history, view.objective, view.history.trials[place])[0] for place in (7, 5))
    assert own.rank is None
    assert (own.best, own.best_trial) == (90.625, 5)
    assert (other.rank, other.of) == (1, 6)


def test_the_front_is_told_of_several_goals(site, view_of):
    own = trials(3)
    own[1] = Trial(1, own[1].architecture, DONE, {"accuracy": 1.0, "latency": 9.0})
    client = site(view_of(own, NB201, ["accuracy", "-latency"]))
    assert "On the Pareto front of 2" in words(client.get("/runs/run/trials/0").text)
    assert "Not on the Pareto front" in words(client.get("/runs/run/trials/1").text)


def test_metrics_have_the_units_that_are_known(site, view_of):
    view = view_of(trials(), get_space("nb201"))
    assert "accuracy (points)" not in words(site(view).get("/runs/run/trials/6").text)
    told = replace(view, units={"accuracy": "points"})
    assert "accuracy (points)" in words(site(told).get("/runs/run/trials/6").text)


def test_trials_without_all_metrics_break_nothing(site, view_of):
    own = trials(metrics={"accuracy": float("nan")})
    own[0] = Trial(0, own[0].architecture, DONE, {"accuracy": 91.0})
    client = site(view_of(own, NB201, ["accuracy", "-latency"], ["params<=1e6"]))
    assert all(client.get(f"/runs/run/trials/{i}").status_code == 200 for i in range(len(own)))


@pytest.mark.parametrize("name", ["nb201", "nb101", "mbv3", "darts", "nbgraph"])
def test_neighbours_are_those_of_the_space_best_first(name, view_of):
    space = get_space(name)
    own = trials(space=space)
    around = space.neighbours(own[0].architecture)[3:6]
    near = [Trial(8 + i, one, DONE, {"accuracy": 50.0 + i}) for i, one in enumerate(around)]
    found = family(view_of([*own, *near], space), own[0])
    assert found.one_step
    assert {one.trial.architecture for one in found.kin} >= set(around)
    values = [one.trial.metrics["accuracy"] for one in found.kin]
    assert values == sorted(values, reverse=True)
    for one in found.kin:
        assert one.changes
        ((metric, value, step, better),) = one.changed
        assert (metric, step, better) == ("accuracy", value - own[0].metrics["accuracy"], value > 90.0)


def test_where_no_neighbour_was_tried_the_nearest_come_by_differing_sites(site, view_of):
    first, *rest = NB201.all()[:1] + NB201.all()[-40:-34]
    own = [Trial(i, one, DONE, {"accuracy": 1.0}) for i, one in enumerate([first, *rest])]
    view = view_of(own, NB201)
    found = family(view, own[0])
    codes = NB201.codes([first, *rest])
    away = sorted((codes[1:] != codes[0]).sum(axis=1).tolist())
    assert not found.one_step
    assert [one.distance for one in found.kin] == away[:5]
    assert "No trial differs by one change only" in words(site(view).get("/runs/run/trials/0").text)


def test_costs_are_counted_once_and_missing_where_a_space_cannot_count():
    (architecture,) = NB201.sample(1, np.random.default_rng(5))
    assert count_costs(NB201, architecture) == NB201.costs(architecture)
    assert count_costs(NB201, architecture) is count_costs(NB201, architecture)
