"""How metrics are written for people."""

from __future__ import annotations

import pytest

from loops.metric_units import amount, column, is_cost, units_of, words


@pytest.mark.parametrize(
    ("metric", "values", "text"),
    [
        ("accuracy", (93.7612345,), "accuracy 93.7612 %"),
        ("accuracy", (0.9376,), "accuracy 0.9376"),
        ("test_accuracy", (90.0, 93.5), "test_accuracy 90 to 93.5 %"),
        ("latency_note10", (23.125,), "latency_note10 23.125 ms"),
        ("training_time", (1200.0,), "training_time 1200 s"),
        ("loss", (0.25,), "loss 0.25"),
        ("params", (5_123_456.0,), "5.123 M params"),
        ("macs", (299_080_000.0, 1_234_500_000.0), "299.1 to 1,234 M MACs"),
        ("macs", (12_345.0,), "12,345 MACs"),
    ],
)
def test_a_value_has_its_unit(metric, values, text):
    assert words(metric, *values) == text
    assert text.endswith(amount(metric, *values))


@pytest.mark.parametrize(
    ("metric", "values", "heading"),
    [
        ("accuracy", [10.0, 93.0], ("accuracy (%)", 1.0)),
        ("accuracy", [], ("accuracy", 1.0)),
        ("latency_pixel3", [3.0], ("latency_pixel3 (ms)", 1.0)),
        ("macs", [4e8, 10.0], ("macs (M)", 1e6)),
        ("params", [400.0], ("params", 1.0)),
        ("size", [400.0], ("size", 1.0)),
    ],
)
def test_a_column_is_headed_by_its_unit(metric, values, heading):
    assert column(metric, values) == heading


def test_a_deviation_has_the_unit_of_its_metric():
    assert units_of({"accuracy": 93.0, "accuracy_sd": 0.3})["accuracy_sd"] == "%"
    assert units_of({"accuracy": 0.93, "accuracy_sd": 0.003})["accuracy_sd"] == ""
    assert units_of({"score_sd": 0.003}) == {"score_sd": ""}


def test_what_an_evaluator_declares_comes_first():
    declared = {"latency": "s", "accuracy": "points"}
    units = units_of({"latency": 0.2, "accuracy": 93.0, "latency_a": 3.0}, declared)
    assert units == {"latency": "s", "accuracy": "points", "latency_a": "ms"}
    assert words("latency", 0.2, units=declared) == "latency 0.2 s"
    assert column("latency", [0.2], declared) == ("latency (s)", 1.0)


@pytest.mark.parametrize("metric", ["accuracy", "latent", "macro_f1", "lossless", "uptime", "memorability", "a.b"])
def test_what_only_sounds_like_a_cost_is_none(metric):
    assert not is_cost(metric)
