from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch

from bonag.executors.in_process import InProcessExecutor
from bonag.running_trial import RunningTrial
from loops.config import RunConfig
from loops.ending import RunState
from loops.history import History, Trial, TrialStatus
from loops.loop import Ended, Event, Loop, Over, Proposed, propose
from loops.objective import Objective
from loops.protocols import Job, Outcome, Proposal, Strategy
from loops.seeding import trial_seed
from loops.strategies import LocalSearch, RandomSearch, RegularizedEvolution
from search_spaces import SearchSpace

ACCURACY = Objective.parse("accuracy")
MAKERS: dict[str, Callable[[SearchSpace], Strategy]] = {
    "random": RandomSearch,
    "evolution": lambda space: RegularizedEvolution(space, ACCURACY, population=4, sample_size=2),
    "local-search": lambda space: LocalSearch(space, ACCURACY, initial=2),
}


class CrashError(BaseException):
    """The process is gone."""


def table(trials: Iterable[Trial]) -> list[tuple[Any, ...]]:
    return [(t.index, str(t.architecture), t.status, dict(t.metrics), t.reason, t.provenance) for t in trials]


def run(config: RunConfig, space: SearchSpace, evaluator: Any, recorder: Any, **options: Any) -> list[Event]:
    strategy = options.pop("strategy", None) or RandomSearch(space)
    executor = options.pop("executor", None) or InProcessExecutor()
    events: list[Event] = []
    over = Loop(config, strategy, evaluator, executor, recorder, notify=events.append, **options).run()
    assert events[-1] == over
    return events


def test_events_and_writes_come_in_order(
    tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    recorder = memory_recorder()
    events = run(tiny_config(budget=5, batch_size=2), tiny_space, tiny_evaluator(), recorder)
    kinds = [type(event) for event in events]
    assert kinds == [Proposed, Ended, Ended, Proposed, Ended, Ended, Proposed, Ended, Over]
    assert events[-1] == Over(RunState.FINISHED)
    assert recorder.writes == [
        *[("add", 0), ("add", 1), ("finish", 0), ("finish", 1)],
        *[("add", 2), ("add", 3), ("finish", 2), ("finish", 3)],
        *[("add", 4), ("finish", 4)],
    ]


def test_a_trial_is_recorded_before_its_evaluation_with_a_seed_of_its_own(
    tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    recorder = memory_recorder()

    class Spy(tiny_evaluator):  # type: ignore[misc]
        def evaluate(self, architecture: Any, trial: Any) -> dict[str, float]:
            (running,) = recorder.history().pending
            assert running.architecture == architecture
            assert trial.index == running.index
            assert trial.seed == trial_seed(5, running.index)
            return super().evaluate(architecture, trial)

    run(tiny_config(budget=6, seed=5), tiny_space, Spy(), recorder)
    assert [trial.status for trial in recorder.history()] == [TrialStatus.COMPLETED] * 6


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("batch_size", [1, 3])
def test_killed_anywhere_and_resumed_a_run_is_as_if_never_interrupted(
    name: str,
    batch_size: int,
    tiny_space: SearchSpace,
    tiny_config: Any,
    tiny_evaluator: Any,
    memory_recorder: Any,
) -> None:
    config = tiny_config(budget=14, batch_size=batch_size, seed=3)
    wrong = {"abc": ValueError("bad"), "cab": {"accuracy": math.nan, "seed": 0.0}}
    whole = memory_recorder()
    run(config, tiny_space, tiny_evaluator(wrong), whole, strategy=MAKERS[name](tiny_space))
    expected = table(whole.history())
    assert len(expected) == 14

    for every in range(1, len(whole.writes) + 1):
        # The process dies at every ``every``-th write, before it is done, and starts again from what was written.
        recorder, starts = memory_recorder(), 0
        while True:
            starts += 1
            assert starts < 100
            writes = iter(range(10_000))

            def fuse(writes: Any = writes, every: int = every) -> None:
                if next(writes) == every:
                    raise CrashError

            recorder.fuse = fuse
            try:
                run(config, tiny_space, tiny_evaluator(wrong), recorder, strategy=MAKERS[name](tiny_space))
                break
            except CrashError:
                recorder = memory_recorder(recorder.trials.values())
        assert table(recorder.history()) == expected


@pytest.mark.parametrize("name", MAKERS)
def test_each_proposal_follows_from_the_events_before_it(
    name: str,
    tiny_space: SearchSpace,
    tiny_config: Any,
    tiny_evaluator: Any,
    memory_recorder: Any,
    reversed_executor: Any,
) -> None:
    recorder, strategy = memory_recorder(), MAKERS[name](tiny_space)
    config = tiny_config(budget=15, batch_size=4, workers=4)
    run(config, tiny_space, tiny_evaluator(), recorder, strategy=strategy, executor=reversed_executor)
    history = recorder.history()
    assert [trial.index for trial in history.completed[:4]] == [3, 2, 1, 0]
    for first in range(0, 15, 4):
        before = history.before(first)
        assert len(before) == len(before.completed) == first
        again = propose(strategy, before, min(4, 15 - first), config.seed)
        assert [trial.architecture for trial in again] == [trial.architecture for trial in history.trials[first:][:4]]


def test_a_trial_that_ends_the_process_again_and_again_is_a_failed_one(
    tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    class Deadly(tiny_evaluator):  # type: ignore[misc]
        looks_up = False

        def evaluate(self, architecture: Any, trial: Any) -> dict[str, float]:
            if trial.index == 2:
                raise CrashError
            return super().evaluate(architecture, trial)

    class Here(InProcessExecutor):
        """What no process survives is no outcome."""

        def run(self, evaluator: Any, jobs: Iterable[Job], report: Any) -> Any:
            for job in jobs:
                metrics = evaluator.evaluate(job.architecture, RunningTrial(job.index, job.seed))
                yield Outcome(job.index, metrics, None, 0.0)

    recorder = memory_recorder()
    for _ in range(2):
        with pytest.raises(CrashError):
            run(tiny_config(budget=5), tiny_space, Deadly(), recorder, executor=Here())
        recorder = memory_recorder(recorder.trials.values())
    events = run(tiny_config(budget=5), tiny_space, Deadly(), recorder, executor=Here())
    assert events[-1] == Over(RunState.FINISHED)
    failed = recorder.history().trials[2]
    assert (failed.status, failed.reason) == (TrialStatus.FAILED, "the process ended while it was evaluated")
    assert len(recorder.history().completed) == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ValueError("it broke\nin two lines"), "ValueError: it broke"),
        (KeyError("x"), "KeyError: 'x'"),
        (SystemExit(3), "SystemExit: 3"),
        (MemoryError(), "MemoryError"),
        ({"accuracy": math.nan, "seed": 1}, "metric 'accuracy' is nan"),
        ({"accuracy": math.inf, "seed": 1}, "metric 'accuracy' is inf"),
        ({"accuracy": -math.inf, "seed": 1}, "metric 'accuracy' is -inf"),
        ({"accuracy": 10**400, "seed": 1}, "metric 'accuracy' is inf"),
        ({"accuracy": 1.0}, "metric 'seed' is missing"),
        ({"seed": 1.0}, "metric 'accuracy' is missing"),
        ({}, "metric 'accuracy' is missing"),
        ({"accuracy": "93.1", "seed": 1}, "metric 'accuracy' is str and not a number"),
        ({"accuracy": True, "seed": 1}, "metric 'accuracy' is bool and not a number"),
        ({"accuracy": 1.0, "seed": 1, "other": math.nan}, "metric 'other' is nan"),
        ({"accuracy": 1.0, "seed": 1, 7: 1.0}, "the metric name 7 is not a string"),
        ({"accuracy": np.ones(3), "seed": 1}, "metric 'accuracy' is ndarray and not a number"),
        ([93.1], "the evaluator returned list and not a mapping of metrics"),
    ],
)
def test_an_evaluation_that_goes_wrong_is_a_failed_trial_and_the_run_goes_on(
    answer: object,
    reason: str,
    tiny_space: SearchSpace,
    tiny_config: Any,
    tiny_evaluator: Any,
    memory_recorder: Any,
) -> None:
    recorder = memory_recorder()
    whole = memory_recorder()
    run(tiny_config(budget=4), tiny_space, tiny_evaluator(), whole)
    second = str(whole.history().trials[1].architecture)
    events = run(tiny_config(budget=4), tiny_space, tiny_evaluator({second: answer}), recorder)
    assert events[-1] == Over(RunState.FINISHED)
    failed = recorder.history().trials[1]
    assert (failed.status, failed.reason, dict(failed.metrics)) == (TrialStatus.FAILED, reason, {})
    assert [t.status for t in recorder.history() if t.index != 1] == [TrialStatus.COMPLETED] * 3


@pytest.mark.parametrize("value", [5, np.float32(5), np.int64(5), np.array(5.0), torch.tensor(5.0), torch.tensor([5])])
def test_numbers_of_any_library_are_numbers(
    value: object, tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    recorder = memory_recorder()
    answers = {str(tiny_space.sample(1, np.random.default_rng(0))[0]): {"accuracy": value, "seed": 0}}
    run(tiny_config(budget=27), tiny_space, tiny_evaluator(answers), recorder)
    (trial,) = [t for t in recorder.history() if str(t.architecture) in answers]
    assert trial.metrics == {"accuracy": 5.0, "seed": 0.0}
    assert type(trial.metrics["accuracy"]) is float


def all_wrong(space: SearchSpace) -> dict[str, object]:
    return {str(a): OSError("no disk") for a in space.sample(2000, np.random.default_rng(0))}


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_failures_in_a_row_stop_the_run_and_say_why(
    batch_size: int, tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    recorder = memory_recorder()
    config = tiny_config(budget=20, max_failures=4, batch_size=batch_size)
    events = run(config, tiny_space, tiny_evaluator(all_wrong(tiny_space)), recorder)
    assert events[-1] == Over(RunState.STOPPED, "4 evaluations in a row failed, the last with: OSError: no disk")
    assert sum(t.status is TrialStatus.FAILED for t in recorder.history()) == 4
    # Started again it stops at once, unless the failures are forgiven.
    assert run(config, tiny_space, tiny_evaluator(), recorder) == events[-1:]
    events = run(config, tiny_space, tiny_evaluator(), recorder, forgiven=4)
    assert events[-1] == Over(RunState.FINISHED)
    assert len(recorder.history().completed) == 16


def test_failed_trials_count_towards_the_budget_and_a_success_ends_the_row(
    tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    whole = memory_recorder()
    run(tiny_config(budget=9), tiny_space, tiny_evaluator(), whole)
    wrong = {str(t.architecture): OSError("no") for t in whole.history() if t.index % 3 != 2}
    recorder = memory_recorder()
    events = run(tiny_config(budget=9, max_failures=3), tiny_space, tiny_evaluator(wrong), recorder)
    assert events[-1] == Over(RunState.FINISHED)
    assert len(recorder.history()) == 9
    assert len(recorder.history().completed) == 3


def test_an_emptied_space_ends_the_run(
    tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    recorder = memory_recorder()
    events = run(tiny_config(budget=100, batch_size=4), tiny_space, tiny_evaluator(), recorder)
    assert events[-1] == Over(RunState.FINISHED, "the search space has no more architectures")
    assert len(recorder.history().completed) == tiny_space.size


@pytest.mark.parametrize("after", range(8))
def test_asked_to_stop_it_starts_no_evaluation_more_and_loses_none(
    after: int, tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    config, recorder, evaluator = tiny_config(budget=7, batch_size=3), memory_recorder(), tiny_evaluator()
    events = run(config, tiny_space, evaluator, recorder, stop=lambda: len(evaluator.calls) >= after)
    assert events[-1] == Over(RunState.INTERRUPTED if after < 7 else RunState.FINISHED)
    assert len(evaluator.calls) == len(recorder.history().completed) == after
    run(config, tiny_space, tiny_evaluator(), recorder)
    whole = memory_recorder()
    run(config, tiny_space, tiny_evaluator(), whole)
    assert table(recorder.history()) == table(whole.history())


class BadStrategy:
    name = "bad"

    def __init__(self, proposals: Callable[[History, int], list[Proposal]]) -> None:
        self.propose = lambda history, n, rng: proposals(history, n)  # type: ignore[method-assign]

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        raise NotImplementedError


def test_a_strategy_that_breaks_its_contract_never_reaches_the_record(
    tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    aaa, aab = Proposal(tiny_space.parse("aaa")), Proposal(tiny_space.parse("aab"))
    for proposals in (lambda h, n: [aaa, aaa], lambda h, n: [aaa, aab][: n + 1], lambda h, n: [aaa]):
        recorder = memory_recorder()
        with pytest.raises(RuntimeError, match="strategy 'bad' proposed"):
            run(tiny_config(budget=5), tiny_space, tiny_evaluator(), recorder, strategy=BadStrategy(proposals))
        assert len(recorder.history()) <= 1


def test_provenance_is_what_the_record_will_give_back(
    tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    provenance = {"acquisition": np.float64(0.5), "gap": -math.inf, "parents": (1, 2)}
    recorder = memory_recorder()
    strategy = BadStrategy(lambda history, n: [Proposal(tiny_space.parse("aaa"), provenance)])
    run(tiny_config(budget=1), tiny_space, tiny_evaluator(), recorder, strategy=strategy)
    assert recorder.history().trials[0].provenance == {"acquisition": 0.5, "gap": None, "parents": [1, 2]}


def test_an_executor_that_loses_its_jobs_does_not_hang_the_run(
    tiny_space: SearchSpace, tiny_config: Any, tiny_evaluator: Any, memory_recorder: Any
) -> None:
    class Lossy:
        def run(self, evaluator: Any, jobs: Iterable[Job], report: Any) -> Any:
            return iter(())

        def close(self) -> None: ...

    with pytest.raises(RuntimeError, match="Lossy returned no outcome"):
        run(tiny_config(budget=2), tiny_space, tiny_evaluator(), memory_recorder(), executor=Lossy())
