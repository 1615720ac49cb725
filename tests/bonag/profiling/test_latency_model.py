"""What is fitted on timings: disturbances cancel out, sums over sites are learnt, every kind of model can be kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from bonag.evaluators import make_evaluator
from bonag.evaluators.note10_latency import Note10Latency
from bonag.predictors.gp import GaussianProcess
from bonag.profiling import latency_model
from bonag.profiling.kept import load_model, model_path, save_model
from bonag.profiling.latency_model import fit_latency
from bonag.profiling.measurements import Measurements
from bonag.profiling.process_regression import ProcessRegression
from bonag.profiling.timing import BURSTS, Timing, summary
from bonag.running_trial import RunningTrial
from search_spaces import NetworkSize, get_space

FACTS = {"num_classes": 1000, "image_size": 224}
# What else a profile says of what it timed.
TOLD = {"samples": 20, "machine": "m", "cpu": "c", "runtime": "torch", "version": "2", "threads": 1}


def test_a_neighbour_that_comes_and_goes_does_not_change_the_ratio() -> None:
    rng = np.random.default_rng(0)
    busy = np.repeat(rng.choice([1.0, 1.8], size=20), 10)
    fastest = 8.4 * busy * rng.normal(1, 0.002, size=len(busy))
    loads = np.stack([fastest, 1.1 * fastest, 7.0 * busy], axis=1).reshape(-1, BURSTS, 3)
    assert summary(loads).ratio == pytest.approx(1.2, rel=0.005)


def test_where_a_network_lies_in_memory_is_averaged_over_and_told() -> None:
    rng = np.random.default_rng(0)
    places = rng.normal(1, 0.01, size=100)
    loads = np.stack([8.4 * places, 9.0 * places, np.full(100, 7.0)], axis=1)[:, None].repeat(BURSTS, axis=1)
    many = summary(loads)
    assert many.ratio == pytest.approx(1.2, rel=0.003)
    assert many.uncertainty == pytest.approx(0.001, rel=0.3)
    fours = [summary(loads[first : first + 4]).uncertainty for first in range(0, 100, 4)]
    assert np.median(fours) == pytest.approx(0.005, rel=0.3)


def test_timings_in_calm_count_alone(tmp_path: Path) -> None:
    found = Measurements.open(tmp_path / "x.jsonl", {})
    for number in range(20):
        found.add(f"calm{number}", Timing(1.0, 0.001, 7.0, 7.0, 100))
    found.add("a", Timing(1.3, 0.001, 14.0, 18.0, 100))
    found.add("a", Timing(1.1, 0.001, 7.1, 8.0, 100))
    assert found.milliseconds("a") == pytest.approx(1.1 * 7.0)
    again = Measurements.open(tmp_path / "x.jsonl", {})
    assert again.timings == found.timings


def test_mobile_latencies_without_noise_are_learnt_from_150_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency_model, "KINDS", latency_model.KINDS[:2])  # sums over sites, which this latency is
    space = get_space("mbv3")
    architectures = space.sample(1150, np.random.default_rng(0))
    ms = Note10Latency(space, 224).of_ops(np.array([one.ops for one in architectures]))
    model = fit_latency(space, architectures[:150], ms[:150], FACTS)
    assert model.facts["tau"] >= 0.95
    assert kendalltau(model.predict(architectures[150:]), ms[150:]).statistic >= 0.95


@pytest.mark.parametrize("kind", latency_model.KINDS)
def test_every_kind_of_model_is_read_back_as_it_was(
    kind: tuple[str, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency_model, "KINDS", (kind,))
    space = get_space("nb201")
    architectures = space.sample(20, np.random.default_rng(0))
    ms = np.array([1 + space.costs(one).macs / 1e7 for one in architectures])
    model = fit_latency(space, architectures, ms, {"num_classes": 10, "image_size": 32})
    save_model(model, tmp_path / "x.safetensors")
    read = load_model(space, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(read.predict(architectures), model.predict(architectures))


@pytest.mark.parametrize(("size", "other"), [(NetworkSize(10, 32), False), (NetworkSize(10, 16, {"cells": 1}), True)])
def test_who_measures_other_networks_than_were_timed_is_told(
    size: NetworkSize, other: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONAG_HOME", str(tmp_path))
    space = get_space("nb201")
    architectures = space.sample(20, np.random.default_rng(0))
    ms = np.array([1 + space.costs(one).macs / 1e7 for one in architectures])
    model = fit_latency(space, architectures, ms, {**TOLD, "num_classes": 10, "image_size": 32})
    save_model(model, model_path("nb201", "here"))

    def measure(architecture: object) -> float:
        return 90.0

    monkeypatch.setattr(measure, "network_size", size, raising=False)
    evaluator = make_evaluator(space, measure, metrics=["accuracy", "latency_here", "macs"])
    said = f"latency_here: of other networks than those measured here ({size})"
    assert (said in evaluator.description) == other
    metrics = evaluator.evaluate(architectures[0], RunningTrial())
    assert metrics["latency_here"] == model.predict(architectures[:1])[0]
    assert metrics["macs"] == space.at(size).costs(architectures[0]).macs


def test_hyperparameters_that_were_kept_as_gpytorchs_are_read() -> None:
    space, rng = get_space("nb201"), np.random.default_rng(0)
    codes = space.codes(space.sample(30, rng))
    fitted = ProcessRegression.fit(space, codes, codes.sum(axis=1) + rng.normal(size=30), GaussianProcess(space))
    scales, lengths = fitted.hyperparameters["scales"], fitted.hyperparameters["lengths"]
    arrays = {name: value for name, value in fitted.arrays().items() if not name.startswith("kernel.")}
    for term, scale in enumerate(scales.ravel()):
        arrays[f"kernel.kernels.{term}.raw_outputscale"] = np.log(np.expm1(scale))
        if term % 2:
            arrays[f"kernel.kernels.{term}.base_kernel.raw_lengthscale"] = np.log(np.expm1([[lengths[term // 2]]]))
    again = ProcessRegression.of_arrays(space, arrays)
    np.testing.assert_allclose(again.predict(codes), fitted.predict(codes), rtol=1e-6)
