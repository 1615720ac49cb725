"""Shipped and profiled latencies are metrics of every evaluator of a space, and a burden to none that is not asked."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import bonag
import bonag.cli
from bonag.evaluators import make_evaluator
from bonag.evaluators.counting_evaluator import known_metrics
from bonag.evaluators.latencies import latency_metrics, latency_model
from bonag.profiling.kept import model_path, save_model
from bonag.profiling.latency_model import fit_latency
from bonag.running_trial import RunningTrial
from loops.objective import Objective
from search_spaces import Architecture, UserError, get_space

SPACE = get_space("mbv3")
ASKED = Objective.parse("accuracy", ["latency_2080ti_64<=48"])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without models of latency, in a folder of the test."""
    monkeypatch.setenv("BONAG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def a_million_macs(architecture: Architecture) -> float:
    return SPACE.costs(architecture).macs / 1e6


def test_who_asks_for_a_latency_gets_it_and_nobody_else_hears_of_it() -> None:
    plain, asked = (
        make_evaluator(SPACE, task="imagenet192", objective=one) for one in (Objective.parse("accuracy"), ASKED)
    )
    assert not [name for name in plain.metrics if "2080ti" in name]
    assert "2080ti" not in plain.description
    assert asked.metrics == (*plain.metrics, "latency_2080ti_64")
    assert "GeForce RTX 2080 Ti" in asked.description
    assert "v100" not in asked.description
    [one] = SPACE.sample(1, np.random.default_rng(0))
    metrics = asked.evaluate(one, RunningTrial())
    assert set(metrics) == set(asked.metrics)
    assert metrics["latency_note10"] == latency_model(SPACE, "latency_note10", 192).predict([one])


def test_it_is_predicted_at_the_image_size_of_the_evaluator() -> None:
    networks = SPACE.sample(5, np.random.default_rng(0))
    for size in (128, 160, 192):
        evaluator = make_evaluator(SPACE, task=f"imagenet{size}", objective=ASKED)
        found = evaluator.evaluate_many(networks)["latency_2080ti_64"]  # type: ignore[attr-defined]
        np.testing.assert_array_equal(found, latency_model(SPACE, "latency_2080ti_64", size).predict(networks))
        assert f"images of {size} px" in evaluator.description


def test_a_function_of_the_user_has_it_at_the_image_size_of_the_space() -> None:
    objective = Objective.parse(["accuracy", "-latency_v100_1"])
    evaluator = make_evaluator(SPACE, a_million_macs, objective=objective)
    assert set(evaluator.metrics) == {"accuracy", "latency_v100_1"}
    [one] = SPACE.sample(1, np.random.default_rng(0))
    expected = latency_model(SPACE, "latency_v100_1", SPACE.image_size).predict([one])[0]
    assert evaluator.evaluate(one, RunningTrial())["latency_v100_1"] == expected


def test_a_search_keeps_to_a_bound_on_it() -> None:
    result = bonag.search(
        space="mbv3", objective="accuracy", constraints=["latency_2080ti_64<=48"], strategy="evolution", budget=30
    )
    found = result.trials["latency_2080ti_64"]
    assert result.best is not None
    assert result.best.metrics["latency_2080ti_64"] <= 48 < found.max()
    assert result.best.metrics["accuracy"] == result.trials["accuracy"][found <= 48].max()


def test_the_processes_of_workers_predict_it_too() -> None:
    evaluator = make_evaluator(SPACE, objective=ASKED)
    [one] = SPACE.sample(1, np.random.default_rng(0))
    there = pickle.loads(pickle.dumps(evaluator))  # noqa: S301
    assert there.evaluate(one, RunningTrial()) == evaluator.evaluate(one, RunningTrial())


@pytest.mark.slow
def test_the_list_of_spaces_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bonag.cli.main(["spaces", "--json"])
    latencies = {row["name"]: row.get("latencies") for row in json.loads(capsys.readouterr().out)}
    assert latencies["mbv3"] == list(latency_metrics("mbv3"))
    assert latencies["nb201"] == []


def test_only_its_space_has_it() -> None:
    assert {"latency_note10", "latency_v100_64"} < set(known_metrics(SPACE))
    assert latency_metrics("nb201") == ()
    with pytest.raises(UserError, match=r"measures no 'latency_v100_6'[^\n]*latency_v100_64"):
        make_evaluator(SPACE, objective=Objective.parse("-latency_v100_6"))
    with pytest.raises(UserError, match="no latency 'latency_v100_64' is known"):
        latency_model(get_space("nb201"), "latency_v100_64", 32)


def test_what_the_user_profiled_goes_before_what_is_shipped() -> None:
    networks = SPACE.sample(20, np.random.default_rng(0))
    shipped = latency_model(SPACE, "latency_note10", 224).predict(networks)
    facts = {"num_classes": 1000, "image_size": 224, "samples": 20, "machine": "desk", "cpu": "a CPU", "threads": 1}
    mine = fit_latency(SPACE, networks, 1000 * shipped, {**facts, "runtime": "torch", "version": "2"})
    save_model(mine, model_path("mbv3", "note10"))
    assert latency_metrics("mbv3").count("latency_note10") == 1
    evaluator = make_evaluator(SPACE)
    assert (evaluator.evaluate_many(networks)["latency_note10"] > 100 * shipped).all()  # type: ignore[attr-defined]
    assert "timed on desk" in evaluator.description
