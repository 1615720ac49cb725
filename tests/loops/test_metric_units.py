"""How metrics are written for people."""

from __future__ import annotations

import pytest

from loops.metric_units import amount, column, words


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
