"""A predictor of any metric: accuracies, which live operations decide, and costs, which all do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from bonag.predictors import metric
from bonag.predictors.gp import GaussianProcess
from bonag.predictors.metric import MetricModel, fit_metric
from bonag.scores import rank_gaussianise
from search_spaces import SearchSpace

LABELS, HELD_OUT = 150, 600
Draw = Callable[[SearchSpace, int, int], np.ndarray]


@pytest.fixture(scope="module")
def process(nb201: SearchSpace) -> GaussianProcess:
    return GaussianProcess(nb201)


@pytest.fixture(scope="module")
def split(nb201: SearchSpace, draw_codes: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Cells to learn from, and others."""
    codes = draw_codes(nb201, LABELS + HELD_OUT, 0)
    return codes[:LABELS], codes[LABELS:]


def all_operations(codes: np.ndarray) -> np.ndarray:
    """A cost that every operation has, live or not, and more of it in its place."""
    costs = np.array([0, 0, 0, 0.3, 2, 5, 1]) * np.arange(1, 9)[:, None]
    return costs[np.arange(8), codes].sum(axis=1)


@pytest.fixture(scope="module")
def latencies(nb201: SearchSpace, data_dir: Path) -> Callable[[str, np.ndarray], np.ndarray]:
    """Measured latencies (ms) of a device, by codes: (device, (B, 8)) -> (B,)."""
    names = pd.read_parquet(data_dir / "nb201_accuracy.parquet")
    table = names[["arch_index", "arch"]].merge(pd.read_parquet(data_dir / "nb201_latency.parquet"), on="arch_index")
    place = {str(name): row for row, name in enumerate(table["arch"])}

    def look_up(device: str, codes: np.ndarray) -> np.ndarray:
        rows = [place[str(nb201.decode(nb201.graph(code)))] for code in codes]
        return table[f"{device}_ms"].to_numpy()[rows]

    return look_up


def quality(model: object, codes: np.ndarray, values: np.ndarray) -> float:
    return float(kendalltau(model.predict(codes)[0], values).statistic)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("device", "least"), [("raspi4", 0.76), ("titanx_1", 0.7), ("fpga", 0.75)])
def test_a_latency_counts_operations_that_are_not_live(
    process: GaussianProcess, split: tuple[np.ndarray, np.ndarray], latencies: Callable, device: str, least: float
) -> None:
    fitted, others = split
    model = fit_metric(process, fitted, latencies(device, fitted))
    assert quality(model, others, latencies(device, others)) > least


def test_a_cost_of_all_operations_is_learned_nearly_exactly(
    process: GaussianProcess, split: tuple[np.ndarray, np.ndarray]
) -> None:
    fitted, others = split
    model = fit_metric(process, fitted, all_operations(fitted))
    assert quality(model, others, all_operations(others)) > 0.92


def test_of_an_accuracy_live_operations_say_enough(
    process: GaussianProcess, split: tuple[np.ndarray, np.ndarray], accuracies: Callable
) -> None:
    fitted, others = split
    model = fit_metric(process, fitted, accuracies("cifar10", fitted))
    assert quality(model, others, accuracies("cifar10", others)) > 0.8


@pytest.fixture(scope="module")
def model(process: GaussianProcess, split: tuple[np.ndarray, np.ndarray]) -> MetricModel:
    values = all_operations(split[0]) + np.random.default_rng(0).normal(scale=3, size=LABELS)
    return fit_metric(process, split[0], values)


def test_what_is_believed_is_as_sure_as_it_should_be(model: MetricModel, split: tuple[np.ndarray, np.ndarray]) -> None:
    values = all_operations(split[1]) + np.random.default_rng(1).normal(scale=3, size=HELD_OUT)
    fitted = all_operations(split[0]) + np.random.default_rng(0).normal(scale=3, size=LABELS)
    # Normal scores of new values on the scale of those that were fitted.
    truth = np.interp(values, np.sort(fitted), np.sort(rank_gaussianise(fitted)))
    mean, variance = model.predict(split[1])
    assert mean.shape == variance.shape == (HELD_OUT,)
    z = (truth - mean) / np.sqrt(variance)
    assert 0.8 < z.std() < 1.25
    assert abs(z.mean()) < 0.2
    assert (np.abs(z) < 2).mean() == pytest.approx(0.954, abs=0.05)


def test_the_variance_includes_the_noise_of_a_measurement(
    model: MetricModel, split: tuple[np.ndarray, np.ndarray]
) -> None:
    mean, variance = model.predict(split[1])
    plain = model.model.predict(split[1])
    np.testing.assert_allclose(mean, plain.mean)
    np.testing.assert_allclose(variance - plain.stddev**2, model.model.noise**2)
    assert model.model.noise**2 > 1e-3


def test_many_rows_are_predicted_as_few_are(
    model: MetricModel, split: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = model.predict(split[1])
    monkeypatch.setattr(metric, "ROWS_AT_ONCE", 64)
    for one, other in zip(together, model.predict(split[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("transform", [np.exp, lambda y: 4 * y])
def test_the_unit_of_a_metric_does_not_matter(
    process: GaussianProcess, split: tuple[np.ndarray, np.ndarray], transform: Callable
) -> None:
    values = all_operations(split[0]) / 50
    plain, bent = (fit_metric(process, split[0], y).predict(split[1][:50]) for y in (values, transform(values)))
    np.testing.assert_allclose(plain[0], bent[0])


def test_hyperparameters_of_some_rows_serve_all_of_them(
    process: GaussianProcess, split: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, others = split
    truth, y = all_operations(others), all_operations(fitted)
    monkeypatch.setattr(metric, "HYPERPARAMETER_ROWS", 60)
    model = fit_metric(process, fitted, y)
    assert len(model.model.scores) == LABELS
    # More labels than those that the hyperparameters are from make it better.
    few = fit_metric(process, fitted[:60], y[:60])
    assert quality(model, others, truth) > quality(few, others, truth)


def test_a_metric_that_never_varies_is_predicted_to_stay(
    process: GaussianProcess, split: tuple[np.ndarray, np.ndarray]
) -> None:
    mean, variance = fit_metric(process, split[0][:40], np.full(40, 7.0)).predict(split[1])
    assert np.abs(mean).max() < 1e-6
    assert np.isfinite(variance).all()


def test_learned_edges_are_no_obstacle(nb101: SearchSpace, draw_codes: Draw) -> None:
    codes = draw_codes(nb101, 160, 3)
    values = (codes[:, 7:] * np.arange(1, 22)).sum(axis=1) + 30.0 * (codes[:, 1:6] == 1).sum(axis=1)
    model = fit_metric(GaussianProcess(nb101), codes[:100], values[:100])
    assert quality(model, codes[100:], values[100:]) > 0.6
