"""A wrong name is answered by the one that was meant, or by all that there are."""

from __future__ import annotations

import pytest

from search_spaces.near_miss import suggestion

METRICS = ("accuracy", "accuracy_sd", "params", "macs", "latency_note10", "latency_pixel3")


@pytest.mark.parametrize(
    ("word", "choices", "said"),
    [
        ("acc", METRICS, "did you mean 'accuracy'?"),
        ("latency", METRICS, "did you mean 'latency_note10' or 'latency_pixel3'?"),
        ("Accuracy", METRICS, "did you mean 'accuracy'?"),
        ("acuracy", METRICS, "did you mean 'accuracy'?"),
        ("pixel3", METRICS, "did you mean 'latency_pixel3'?"),
        ("mac", METRICS, "did you mean 'macs'?"),
        ("cifar1", ("cifar10", "cifar100"), "did you mean 'cifar10'?"),
        ("pt", ("state-dict", "onnx", "python"), "choose from state-dict, onnx, python"),
        ("onx", ("state-dict", "onnx", "python"), "did you mean 'onnx'?"),
        ("", ("a", "b"), "choose from a, b"),
        ("op", [f"op{i}" for i in range(9)] + ["edge"], "choose from " + ", ".join(f"op{i}" for i in range(9))),
    ],
)
def test_what_begins_with_the_word_comes_before_what_is_like_it(word: str, choices: list[str], said: str) -> None:
    assert suggestion(word, choices) == said
