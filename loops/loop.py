"""The outer loop: propose, record, evaluate, record."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile
from numbers import Real

from loops.config import RunConfig
from loops.history import History, Trial, TrialStatus
from loops.protocols import Evaluator, Executor, Job, Outcome, Proposal, Recorder, Strategy
from loops.seeding import rng_for, trial_seed


class RunState(StrEnum):
    """Where a run stands.

    finished: the budget is spent, or the space has no more architectures. stopped: too many failures in a row.
    interrupted: somebody or something ended it early; it waits to be resumed.
    """

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Proposed:
    """A batch was recorded and is about to be evaluated."""

    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Ended:
    """A trial ended and was recorded."""

    trial: Trial


@dataclass(frozen=True)
class Over:
    """The loop has come to its end: always the last event."""

    state: RunState
    reason: str | None = None


Event = Proposed | Ended | Over


def search(
    config: RunConfig,
    strategy: Strategy,
    evaluator: Evaluator,
    executor: Executor,
    recorder: Recorder,
    *,
    stop: Callable[[], bool] = lambda: False,
    forgiven: int = 0,
) -> Iterator[Event]:
    """Run to the end of the budget, from wherever the record stands, and yield what happens as it happens.

    Every batch is recorded before its evaluation starts and every outcome as it comes, so the caller may be killed
    between any two instructions: trials found running are evaluated again under their own index and seed, and from
    there on the proposals are the same, because they depend on nothing but (config, history).

    stop: asked before each proposal and each evaluation; once true, evaluations that run come to their end and the loop
    ends as ``interrupted``.
    forgiven: failures of trials before this index do not count towards ``config.max_failures``.
    """
    required = tuple(dict.fromkeys((*evaluator.metrics, *config.parsed_objective().metrics)))
    history = recorder.history()

    def may_go_on() -> bool:
        return not stop() and len(failures_in_a_row(history, forgiven)) < config.max_failures

    while may_go_on():
        if not history.pending:
            left = _left(config, history)
            if left <= 0:
                break
            batch = propose(strategy, history, min(config.batch_size, left), config.seed)
            if not batch:
                yield Over(RunState.FINISHED, "the search space has no more architectures")
                return
            recorder.add(batch)
            history = history.updated(*batch)
            yield Proposed(batch)
        waiting = [
            Job(trial.index, trial.architecture, trial_seed(config.seed, trial.index)) for trial in history.pending
        ]
        # Handed out one by one, so that a serial executor starts none after the loop has to end.
        jobs = takewhile(lambda _: may_go_on(), waiting)
        for outcome in executor.run(evaluator, jobs):
            trial = end_trial(history.trials[outcome.index], outcome, required)
            recorder.finish(trial)
            history = history.updated(trial)
            yield Ended(trial)
        if len(history.pending) == len(waiting) and may_go_on():
            raise RuntimeError(f"the executor {type(executor).__name__} returned no outcome")
    failed = failures_in_a_row(history, forgiven)
    if len(failed) >= config.max_failures:
        count = f"{len(failed)} evaluations in a row" if len(failed) > 1 else "an evaluation"
        yield Over(RunState.STOPPED, f"{count} failed, the last with: {failed[-1].reason}")
    elif history.pending or _left(config, history) > 0:
        yield Over(RunState.INTERRUPTED)
    else:
        yield Over(RunState.FINISHED)


def _left(config: RunConfig, history: History) -> int:
    return config.batch_size if config.budget is None else config.budget - len(history)


def propose(strategy: Strategy, history: History, n: int, seed: int) -> tuple[Trial, ...]:
    """The next n trials (fewer only if the space has no more), running: a function of (strategy, seed, history) alone.

    Raises RuntimeError if the strategy breaks its contract, for the record must never hold an architecture twice.
    """
    start = time.perf_counter()
    proposals: list[Proposal] = strategy.propose(history, n, rng_for(seed, len(history)))
    architectures = {proposal.architecture for proposal in proposals}
    if len(architectures) < len(proposals) or len(proposals) > n or architectures & history.seen:
        raise RuntimeError(f"strategy '{strategy.name}' proposed too many architectures, or one that has a trial")
    seconds = (time.perf_counter() - start) / max(1, len(proposals))
    return tuple(
        Trial(
            index=len(history) + position,
            architecture=proposal.architecture,
            status=TrialStatus.RUNNING,
            provenance=_json_values(proposal.provenance),
            proposed_at=time.time(),
            proposal_seconds=seconds,
        )
        for position, proposal in enumerate(proposals)
    )


def _json_values(provenance: Mapping[str, object]) -> dict[str, object]:
    """What the record will give back, so that a strategy sees the same history in a live run and in a resumed one."""
    text = json.dumps(dict(provenance), default=lambda value: value.item())
    return json.loads(text, parse_constant=lambda _: None)


def end_trial(trial: Trial, outcome: Outcome, required: tuple[str, ...]) -> Trial:
    """The trial with its outcome: completed if the required metrics and all others are finite numbers, else failed."""
    trial = replace(trial, ended_at=time.time(), evaluation_seconds=outcome.seconds)
    if outcome.reason is not None:
        return replace(trial, status=TrialStatus.FAILED, reason=outcome.reason)
    try:
        return replace(trial, status=TrialStatus.COMPLETED, metrics=_check_metrics(outcome.metrics, required))
    except ValueError as error:
        return replace(trial, status=TrialStatus.FAILED, reason=str(error))


def _check_metrics(metrics: object, required: tuple[str, ...]) -> dict[str, float]:
    if not isinstance(metrics, Mapping):
        raise ValueError(f"the evaluator returned {type(metrics).__name__} and not a mapping of metrics")
    for name in metrics:
        if not isinstance(name, str):
            raise ValueError(f"the metric name {name!r} is not a string")
    for name in required:
        if name not in metrics:
            raise ValueError(f"metric '{name}' is missing")
    return {name: _number(name, metrics[name]) for name in sorted(metrics)}


def _number(name: str, value: object) -> float:
    if hasattr(value, "item"):  # NumPy and PyTorch scalars
        with suppress(ValueError, RuntimeError):
            value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"metric '{name}' is {type(value).__name__} and not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"metric '{name}' is {number}")
    return number


def failures_in_a_row(history: History, since: int = 0) -> list[Trial]:
    """The latest trials from index ``since``, oldest first, if they failed and none completed after them.

    Trials behind one that still runs do not count, so that the order in which parallel evaluations end plays no part.
    """
    end = history.pending[0].index if history.pending else len(history)
    failed = takewhile(lambda trial: trial.status is TrialStatus.FAILED, reversed(history.trials[since:end]))
    return list(failed)[::-1]
