from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bonag
from bonag import UserError
from bonag.api import session
from bonag.running_trial import RunningTrial
from loops.ending import RunState
from loops.history import TrialStatus
from loops.loop import Ended, Event, Over
from search_spaces import Architecture, get_space
from search_spaces.nb201 import NB201

Measure = Callable[[Architecture], float]
Table = Callable[[bonag.Result], pd.DataFrame]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs go to a folder of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def go(measure: Any, **options: Any) -> bonag.Result:
    return bonag.search(**{"space": "nb201", "evaluator": measure, "strategy": "evolution", "budget": 30, **options})


def interrupt_after(count: int) -> Callable[[Event], None]:
    seen = iter(range(10_000))

    def on_event(event: Event) -> None:
        if isinstance(event, Ended) and next(seen) + 1 == count:
            raise KeyboardInterrupt

    return on_event


@pytest.mark.slow
def test_a_function_is_searched(measure: Measure) -> None:
    result = go(measure, budget=40)
    assert (result.state, result.reason, len(result.history)) == (RunState.FINISHED, None, 40)
    assert result.path == Path("results/nb201-kernel_count-evolution-seed0-1")
    assert result.best is not None
    assert result.best.metrics == {"accuracy": measure(result.best.architecture)}
    assert result.best.metrics["accuracy"] == result.trials["accuracy"].max()
    costs = get_space("nb201").costs(result.best.architecture)
    assert (result.best.params, result.best.macs) == (costs.params, costs.macs)
    assert list(result.trials["trial"]) == list(range(40))
    assert result.trials["architecture"].is_unique
    scores = [found.metrics["accuracy"] for found in result.top(5)]
    assert scores == sorted(result.trials["accuracy"], reverse=True)[:5]


@pytest.mark.slow
def test_a_function_may_return_metrics_and_any_of_them_may_be_the_objective(measure: Measure, table: Table) -> None:
    result = go(lambda a: {"error": -measure(a), "length": len(str(a))}, objective="-error")
    assert {"error", "length"} <= set(result.trials.columns)
    assert result.best is not None
    assert result.best.metrics["error"] == result.trials["error"].min()
    # The same thing said the other way round is searched the same way.
    assert list(result.trials["architecture"]) == list(go(measure).trials["architecture"])


def test_an_evaluator_object_is_used_with_its_description() -> None:
    class Mine:
        metrics = ("accuracy", "seed")
        description = "My own numbers."

        def evaluate(self, architecture: Architecture, trial: RunningTrial) -> dict[str, float]:
            return {"accuracy": 1.0, "seed": trial.seed}

    result = go(Mine(), budget=3)
    assert result.description == "My own numbers."
    assert result.trials["seed"].is_unique
    assert result.config.evaluator.startswith("python:")
    with pytest.raises(UserError, match="measures no 'loss'"):
        go(Mine(), objective="-loss")


@pytest.mark.slow
def test_the_seed_decides_the_run(measure: Measure, table: Table) -> None:
    one, same, other = go(measure), go(measure), go(measure, seed=1)
    assert one.path != same.path
    pd.testing.assert_frame_equal(table(one), table(same))
    assert list(one.trials["architecture"]) != list(other.trials["architecture"])


@pytest.mark.parametrize(
    ("strategy", "batch_size", "counts"),
    [
        ("evolution", 4, (13,)),
        *(
            pytest.param(*case, (1, 13, 29), marks=pytest.mark.slow)
            for case in product(("random", "evolution", "local-search"), (1, 4))
        ),
    ],
)
def test_interrupted_and_resumed_it_is_as_if_nothing_had_happened(
    strategy: str, batch_size: int, counts: tuple[int, ...], measure: Measure, table: Table
) -> None:
    whole = go(measure, strategy=strategy, batch_size=batch_size, name="whole")
    for count in counts:
        name = f"cut-{count}"
        with pytest.raises(KeyboardInterrupt):
            go(measure, strategy=strategy, batch_size=batch_size, name=name, callbacks=[interrupt_after(count)])
        cut = bonag.load(name)
        assert (cut.state, len(cut.history.completed)) == (RunState.INTERRUPTED, count)
        resumed = bonag.resume(name)
        assert resumed.state is RunState.FINISHED
        pd.testing.assert_frame_equal(table(resumed), table(whole))


@pytest.mark.slow
def test_a_part_that_cannot_be_imported_again_is_given_again(measure: Measure) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(lambda architecture: measure(architecture), name="cut", callbacks=[interrupt_after(3)])
    with pytest.raises(UserError, match=r"the evaluator of run 'cut' is the Python object .*lambda.* give it again"):
        bonag.resume("cut")
    with pytest.raises(UserError, match="a run has no part 'evaluater': did you mean 'evaluator'"):
        bonag.resume("cut", evaluater=measure)
    assert bonag.resume("cut", evaluator=measure).state is RunState.FINISHED


@pytest.mark.slow
def test_a_finished_run_is_returned_as_it_is(measure: Measure, table: Table) -> None:
    result = go(measure)
    pd.testing.assert_frame_equal(table(bonag.resume(result.path)), table(result))


def test_a_live_run_can_be_loaded(measure: Measure) -> None:
    seen: list[tuple[RunState, int]] = []

    def look(event: Event) -> None:
        if not isinstance(event, Over):
            loaded = bonag.load("watched")
            assert loaded.live
            seen.append((loaded.state, len(loaded.history)))

    go(measure, budget=4, name="watched", callbacks=[look])
    assert seen == [(RunState.RUNNING, count) for count in (1, 1, 2, 2, 3, 3, 4, 4)]


@pytest.mark.slow
def test_failures_are_trials_and_too_many_in_a_row_stop_the_run_until_it_is_resumed(measure: Measure) -> None:
    def broken(architecture: Architecture) -> float:
        raise OSError("no such thing")

    result = go(broken, max_failures=3, name="broken")
    assert result.state is RunState.STOPPED
    assert result.reason == "3 evaluations in a row failed, the last with: OSError: no such thing"
    assert (result.best, len(result.history)) == (None, 3)
    assert "stopped, 3 trials of 30, 3 failed" in repr(result)
    still = bonag.resume("broken", evaluator=broken)
    assert (still.state, len(still.history)) == (RunState.STOPPED, 6)
    mended = bonag.resume("broken", evaluator=measure)
    assert (mended.state, len(mended.history), len(mended.history.completed)) == (RunState.FINISHED, 30, 24)


@pytest.mark.slow
def test_a_run_killed_after_being_resumed_remembers_what_was_forgiven(measure: Measure) -> None:
    def broken(architecture: Architecture) -> float:
        raise OSError("no such thing")

    go(broken, max_failures=4, name="broken")
    with pytest.raises(KeyboardInterrupt):
        bonag.resume("broken", evaluator=broken, callbacks=[interrupt_after(2)])
    again = bonag.resume("broken", evaluator=broken)
    # Four before the first stop, and four after it, two of them before the interruption.
    assert (again.state, len(again.history)) == (RunState.STOPPED, 8)


@pytest.mark.slow
def test_metrics_that_are_no_numbers_are_failed_trials(measure: Measure) -> None:
    values = iter([float("nan"), "93", None, np.float32(3.5), *[1.0] * 30])
    result = go(lambda architecture: next(values), budget=6)
    assert [str(status) for status in result.trials["status"]] == ["failed"] * 3 + ["completed"] * 3
    assert list(result.trials["reason"][:3]) == [
        "metric 'accuracy' is nan",
        "metric 'accuracy' is str and not a number",
        "metric 'accuracy' is NoneType and not a number",
    ]


@pytest.mark.slow
def test_names_are_made_of_what_is_searched_with_the_next_free_number(measure: Measure, data_dir: Path) -> None:
    assert [go(measure, budget=1).config.name for _ in range(2)] == [
        "nb201-kernel_count-evolution-seed0-1",
        "nb201-kernel_count-evolution-seed0-2",
    ]
    result = go("table", task="cifar100", budget=1, seed=7, strategy="random", data=data_dir, out="elsewhere")
    assert result.path == Path("elsewhere/nb201-table-cifar100-random-seed7-1")


def test_a_table_is_searched_and_its_defaults_are_written_down(data_dir: Path, measure: Measure) -> None:
    result = go("table", budget=5, data=data_dir, name="look-up")
    assert (result.config.evaluator, result.config.task) == ("table", "cifar10")
    assert result.config.data == str(data_dir.resolve())
    assert "Exact look-ups" in result.description
    assert result.best is not None
    with pytest.raises(UserError, match="the evaluator of run 'look-up' is 'table' and not '"):
        session.resume(result.path, {"evaluator": measure})


def test_a_search_space_need_not_be_installed(measure: Measure) -> None:
    class Mine(NB201):
        name = "mine"

    result = go(measure, space=Mine(), budget=5, name="own-space")
    with pytest.raises(UserError, match=r"the Python object .*Mine is in no record: give it again"):
        bonag.load("own-space")
    assert bonag.load("own-space", space=Mine()).best == result.best


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": "nb20"}, "unknown space 'nb20': did you mean 'nb201'?"),
        ({"budget": 0}, "budget must be at least 1, got 0"),
        ({"budget": -3}, "budget must be at least 1, got -3"),
        ({"budget": "ten"}, "budget must be a whole number or null, got 'ten'"),
        ({"strategy": "evolutoin"}, "unknown strategy 'evolutoin'"),
        ({"objective": "a b"}, "objective 'a b' is not a metric name"),
        ({"executor": "rai"}, "unknown executor 'rai': did you mean 'ray'?"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"name": "a/b"}, "name 'a/b' cannot name a run"),
        ({"evaluator": "tabel"}, "space 'nb201' has no evaluator 'tabel': did you mean 'table'?"),
        ({"record": "mysql://x"}, "must be like postgresql://"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"max_failures": 0}, "max_failures must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_writes_nothing(
    options: dict[str, Any], message: str, measure: Measure, elsewhere: Path
) -> None:
    with pytest.raises(UserError) as refused:
        go(options.pop("evaluator", measure), **options)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(elsewhere.iterdir()) == []


def test_cuda_that_is_not_there_is_one_line(measure: Measure, elsewhere: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs a machine without CUDA")
    with pytest.raises(UserError, match="there is no device 'cuda': PyTorch finds none here"):
        go(measure, device="cuda")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
def test_an_existing_name_is_refused_and_the_run_stays(measure: Measure, table: Table) -> None:
    before = table(go(measure, name="mine"))
    with pytest.raises(UserError, match="results/mine exists already"):
        go(measure, name="mine", seed=1)
    pd.testing.assert_frame_equal(table(bonag.load("mine")), before)


@pytest.mark.slow
def test_a_result_shows_itself(measure: Measure) -> None:
    result = go(measure, name="shown")
    assert result.best is not None
    for text in (repr(result), result._repr_html_()):
        for part in ("shown", "30 trials of 30", f"{result.best.params:,}", f"trial {result.best.trial}"):
            assert part in text
    assert str(result.best.architecture) in repr(result)


def test_the_experiment_is_an_ax_client_with_every_trial(measure: Measure) -> None:
    def sometimes(architecture: Architecture) -> float:
        if "avg_pool" in str(architecture):
            raise ValueError("no pools")
        return measure(architecture)

    result = go(sometimes, budget=12)
    summary = result.experiment.summarize()
    assert len(summary) == 12
    statuses = {TrialStatus.COMPLETED: "COMPLETED", TrialStatus.FAILED: "FAILED"}
    assert list(summary["trial_status"]) == [statuses[trial.status] for trial in result.history]
    assert {"COMPLETED", "FAILED"} == set(summary["trial_status"])
    assert result.experiment is result.experiment


def test_importing_bonag_loads_nothing_heavy() -> None:
    script = (
        "import sys, bonag; print([m for m in ('torch', 'ax', 'pandas', 'numpy', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert {"search", "resume", "load", "AskTell"} <= set(dir(bonag))
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        bonag.serach  # noqa: B018
