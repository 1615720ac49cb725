"""Labels are distinct, counted, and cost nothing where counts are exact."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.evaluators import make_evaluator
from bonag.on_demand.labels import default_count, draw_labels
from bonag.on_demand.measuring import ExactCosts, choose_evaluator, measure, metrics_of, source_of
from search_spaces import Architecture, get_space
from search_spaces.errors import UserError

SPACE = get_space("nb201")


class Slow:
    """An evaluator that notes what it was asked, and fails where a cell has no convolution."""

    metrics = ("accuracy",)
    description = "Counts of letters."

    def __init__(self) -> None:
        self.asked: list[Architecture] = []

    def evaluate(self, architecture: Architecture, seed: int) -> dict[str, float]:
        self.asked.append(architecture)
        if "conv" not in str(architecture):
            raise ZeroDivisionError("no convolution")
        return {"accuracy": float(len(str(architecture)))}


def test_the_default_is_a_twentieth_of_the_space_and_at_most_a_thousand() -> None:
    assert default_count(SPACE) == 781
    assert default_count(get_space("mbv3")) == 1000


def test_labels_are_distinct_and_the_ones_that_the_evaluator_gives() -> None:
    evaluator = make_evaluator(SPACE)
    labels = draw_labels(SPACE, evaluator, ["accuracy", "params"], np.random.default_rng(0), 50)
    assert (len(labels.codes), labels.count, labels.source) == (50, 50, "surrogate cifar10")
    assert len(np.unique(labels.codes, axis=0)) == 50
    architecture = SPACE.decode(SPACE.graph(labels.codes[7]))
    assert {name: column[7] for name, column in labels.values.items()} == pytest.approx(
        {name: evaluator.evaluate(architecture, 0)[name] for name in ("accuracy", "params")}
    )


def test_failed_evaluations_are_paid_for_and_left_out() -> None:
    evaluator = Slow()
    labels = draw_labels(SPACE, evaluator, ["accuracy"], np.random.default_rng(0), 300)
    failed = sum("conv" not in str(one) for one in evaluator.asked)
    assert failed > 0
    assert labels.count == len(evaluator.asked) == 300
    assert len(labels.codes) == len(labels.values["accuracy"]) == 300 - failed


def test_exact_counts_are_no_evaluations() -> None:
    evaluator = Slow()
    labels = draw_labels(SPACE, evaluator, ["params"], np.random.default_rng(0), 30)
    assert (labels.count, evaluator.asked) == (0, [])
    assert labels.values["params"][0] == SPACE.costs(SPACE.decode(SPACE.graph(labels.codes[0]))).params


def test_too_few_labels_are_refused_with_the_reason() -> None:
    with pytest.raises(UserError, match="at least 20 labels are needed to learn from, not 19"):
        draw_labels(SPACE, Slow(), ["accuracy"], np.random.default_rng(0), 19)

    class Broken(Slow):
        def evaluate(self, architecture: Architecture, seed: int) -> dict[str, float]:
            raise OSError("no such thing")

    with pytest.raises(UserError, match=r"only 0 of 25 .* on accuracy, and one failed with OSError: no such thing"):
        draw_labels(SPACE, Broken(), ["accuracy"], np.random.default_rng(0), 25)


def test_equal_architectures_are_evaluated_once_and_in_place() -> None:
    evaluator = Slow()
    a, b = (
        SPACE.parse("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"),
        SPACE.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"),
    )
    with pytest.warns(UserWarning, match="1 of 2 architectures could not be evaluated; the last failed with ZeroDiv"):
        values, failure = measure(SPACE, evaluator, [a, b, a], metrics_of(SPACE, evaluator))
    assert evaluator.asked == [a, b]
    assert metrics_of(SPACE, evaluator) == ("accuracy", "params", "macs")
    assert np.isnan(values["accuracy"]).tolist() == [False, True, False]
    assert values["macs"].tolist() == [SPACE.costs(one).macs for one in (a, b, a)]
    assert failure == "ZeroDivisionError: no convolution"
    assert source_of(evaluator) == "Counts of letters."


def test_where_data_is_missing_exact_counts_stand_in_if_they_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BONAG_DATA", raising=False)
    space = get_space("nb101")
    exact = choose_evaluator(space, ["params"])
    assert isinstance(exact, ExactCosts)
    assert "BONAG_DATA" in exact.description
    [architecture] = space.sample(1, np.random.default_rng(0))
    assert exact.evaluate(architecture, 0) == {
        "params": space.costs(architecture).params,
        "macs": space.costs(architecture).macs,
    }
    with pytest.raises(UserError, match="BONAG_DATA"):
        choose_evaluator(space, ["accuracy"])
    with pytest.raises(UserError, match="BONAG_DATA"):
        choose_evaluator(space, ["params"], "table")
