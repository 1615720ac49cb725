from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import bonag
from bonag import AskTell, UserError
from loops.ending import RunState
from loops.history import TrialStatus
from search_spaces import Architecture

Measure = Callable[[Architecture], float]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["random", "evolution", "local-search"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_it_proposes_what_a_run_does(strategy: str, batch_size: int, measure: Measure) -> None:
    run = bonag.search(
        "nb201", budget=30, seed=4, evaluator=measure, strategy=strategy, batch_size=batch_size, name="run"
    )
    asked = AskTell("nb201", strategy=strategy, seed=4)
    for _ in range(30 // batch_size):
        for index, architecture in asked.ask(batch_size):
            asked.tell(index, measure(architecture))
    assert [t.architecture for t in asked.history] == [t.architecture for t in run.history]
    assert asked.best == run.best


def test_without_an_objective_it_has_that_of_the_space() -> None:
    asked = AskTell("nlp", strategy="random")
    for perplexity in (110.0, 90.0, 100.0):
        ((index, _),) = asked.ask()
        asked.tell(index, perplexity)
    assert asked.best is not None
    assert asked.best.metrics == {"perplexity": 90.0}
    assert AskTell("nlp", strategy="random", objective="-params").config.objective == "-params"


def test_with_a_path_it_survives_and_goes_on(measure: Measure, tmp_path: Path) -> None:
    whole = AskTell("nb201", strategy="evolution")
    for _ in range(20):
        ((index, architecture),) = whole.ask()
        whole.tell(index, {"accuracy": measure(architecture)})

    for start in range(0, 20, 7):
        # Each round but the last ends with an architecture that was asked for and not told.
        asked = AskTell("nb201", strategy="evolution", path=tmp_path / "mine")
        assert [index for index, _ in asked.pending] == ([start] if start else [])
        while len(asked.history) < min(start + 7, 20) or asked.pending:
            for index, architecture in asked.pending or asked.ask():
                asked.tell(index, measure(architecture))
        if len(asked.history) < 20:
            asked.ask()
        del asked
    result = bonag.load(tmp_path / "mine")
    assert [t.architecture for t in result.history] == [t.architecture for t in whole.history]
    assert [dict(t.metrics) for t in result.history] == [dict(t.metrics) for t in whole.history]
    assert (result.state, result.config.budget) == (RunState.INTERRUPTED, None)
    assert isinstance(result.trials, pd.DataFrame)
    with pytest.raises(UserError, match=r"is led by ask and tell: go on with it by bonag\.AskTell\(path=\.\.\.\)"):
        bonag.resume(tmp_path / "mine")


def test_trials_may_be_told_in_any_order_and_asked_for_while_others_run(measure: Measure) -> None:
    asked = AskTell("nb201", strategy="local-search")
    first = asked.ask(12)
    for index, architecture in reversed(first[:11]):
        asked.tell(index, measure(architecture))
    second = asked.ask(2)
    assert len({architecture for _, architecture in first + second}) == 14
    assert asked.pending == [first[11], *second]


def test_what_is_told_is_checked(measure: Measure) -> None:
    asked = AskTell("nb201", strategy="random", objective="-loss")
    asked.ask(5)
    asked.tell(0, {"loss": 1.5, "accuracy": 93})
    asked.tell(1, {"loss": math.nan})
    asked.tell(2, {"accuracy": 93})
    asked.tell(3, failed="out of memory")
    asked.tell(4, 0.5)
    assert [(t.status, t.reason) for t in asked.history] == [
        (TrialStatus.COMPLETED, None),
        (TrialStatus.FAILED, "metric 'loss' is nan"),
        (TrialStatus.FAILED, "metric 'loss' is missing"),
        (TrialStatus.FAILED, "out of memory"),
        (TrialStatus.COMPLETED, None),
    ]
    assert asked.best is not None
    assert asked.best.trial == 4
    for call, message in [
        (lambda: asked.tell(5, 1.0), "there is no trial 5: 5 have been asked for, counted from 0"),
        (lambda: asked.tell(-1, 1.0), "there is no trial -1"),
        (lambda: asked.tell(0, 1.0), "trial 0 has been told before: it is completed"),
        (lambda: asked.tell(0), "takes either metrics or the reason of its failure"),
        (lambda: asked.tell(0, 1.0, failed="x"), "takes either metrics or the reason of its failure"),
    ]:
        with pytest.raises(UserError) as refused:
            call()  # type: ignore[no-untyped-call]
        assert message in str(refused.value)


@pytest.mark.slow
def test_other_arguments_than_those_of_the_record_are_refused(tmp_path: Path) -> None:
    asked = AskTell("nb201", strategy="random", seed=3, path=tmp_path / "mine")
    asked.ask(2)
    with pytest.raises(UserError, match="is being written by this very process: close it there first"):
        AskTell("nb201", strategy="random", seed=3, path=tmp_path / "mine")
    asked.close()
    with pytest.raises(UserError, match="was made with other arguments: seed is 4 in one and 3 in the other"):
        AskTell("nb201", strategy="random", seed=4, path=tmp_path / "mine")
    with pytest.raises(UserError, match="was made with other arguments: strategy is 'evolution'"):
        AskTell("nb201", strategy="evolution", seed=3, path=tmp_path / "mine")
    assert len(AskTell("nb201", strategy="random", seed=3, path=tmp_path / "mine").pending) == 2


def test_bad_arguments_leave_nothing(tmp_path: Path) -> None:
    for options in ({"space": "nb20"}, {"strategy": "rndom"}, {"seed": -1}, {"objective": "a b"}, {"device": "gpu"}):
        with pytest.raises(UserError):
            AskTell(**{"space": "nb201", "strategy": "random", "path": tmp_path / "mine", **options})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


SKIPS = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"


@pytest.mark.parametrize("recorded", [False, True])
def test_points_that_nobody_asked_for_are_labels_and_no_queries(recorded: bool, measure: Measure) -> None:
    path = "mine" if recorded else None
    with AskTell("nb201", strategy="evolution", objective=["accuracy", "-macs"], path=path) as asked:
        ((first, one),) = asked.ask()
        known = asked.space.parse(SKIPS)
        assert asked.tell(SKIPS, 70.0) == 1
        # What still runs is told by its architecture as well.
        assert asked.tell(one, measure(one)) == first
        ((third, other),) = asked.ask()
        assert asked.tell(str(other), failed="no luck") == third == 2
        history = asked.history
    told = history.trials[1]
    assert (told.architecture, told.status, told.is_query) == (known, TrialStatus.COMPLETED, False)
    assert told.metrics["macs"] == asked.space.costs(known).macs
    assert [(t.proposed_event, t.ended_event) for t in history] == [(0, 3), (1, 2), (4, 5)]
    assert (history.queries, len(history.before(2))) == (2, 2)
    if recorded:
        assert [t.metrics for t in bonag.load("mine").history] == [t.metrics for t in history]
        assert AskTell("nb201", strategy="evolution", objective=["accuracy", "-macs"], path=path).history.queries == 2


def test_what_was_told_is_never_proposed_and_takes_part_in_proposals(measure: Measure) -> None:
    space = AskTell("nb201").space
    architectures = space.all() or []
    asked = AskTell("nb201", strategy="random")
    for architecture in architectures[:200]:
        asked.tell(architecture, measure(architecture))
    new = {architecture for _, architecture in asked.ask(50)}
    assert len(new) == 50
    assert not new & set(architectures[:200])


def test_a_point_that_makes_no_sense_is_refused_and_leaves_nothing() -> None:
    asked = AskTell("nb201", strategy="random")
    ((index, architecture),) = asked.ask()
    asked.tell(index, 1.0)
    for point, metrics, words in (
        (architecture, 2.0, "trial 0 has been told before: it is completed"),
        (str(architecture), 2.0, "trial 0 has been told before: it is completed"),
        ("abc", 2.0, "architecture 'abc' is no architecture of space 'nb201'"),
        (SKIPS, math.nan, "which nobody asked for, needs metrics: metric 'accuracy' is nan"),
        (SKIPS, {"loss": 2.0}, "which nobody asked for, needs metrics: metric 'accuracy' is missing"),
    ):
        with pytest.raises(UserError, match=words):
            asked.tell(point, metrics)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="which nobody asked for, needs metrics"):
        asked.tell(SKIPS, failed="broken")
    assert len(asked.history) == 1
