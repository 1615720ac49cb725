"""The outer loop: propose, record, evaluate, record."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from loops.config import RunConfig
from loops.curves import as_expected
from loops.ending import RunState, failures_in_a_row, reason_to_end
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.outcome import end_trial, point_of
from loops.protocols import Evaluator, Executor, Job, Outcome, Proposal, Recorder, Report, StopRule, Strategy
from loops.seeding import rng_for, trial_seed
from loops.trial_folder import drop_outcome, keep_outcome, kept_outcome, trial_folder


@dataclass(frozen=True)
class Proposed:
    """Trials were recorded and are about to be evaluated."""

    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Reported:
    """A running trial reported a point of its curve, which was recorded."""

    trial: Trial


@dataclass(frozen=True)
class Ended:
    """A trial ended and was recorded."""

    trial: Trial


@dataclass(frozen=True)
class Over:
    """The loop has come to its end: always the last event."""

    state: RunState
    reason: str | None = None


Event = Proposed | Reported | Ended | Over


@dataclass
class Loop:
    """A run, from wherever its record stands.

    Every trial is recorded before its evaluation starts, and every report and outcome as it comes, so the process may
    be killed between any two instructions: trials found running are evaluated again under their own index and seed.

    A proposal is made whenever an evaluation could start, and takes those that still run for pending; with
    ``config.batch_size`` above 1, that many are proposed together once all others have ended. Each depends on nothing
    but (config, seed, events recorded before it).

    notify: called with each event as it happens.
    stop: asked before each proposal and each evaluation; once true, evaluations that run come to their end and the loop
    ends as ``interrupted``.
    forgiven: failures of trials before this index do not count towards ``config.max_failures``.
    rule: which trials end early. folder: the run's, in which each trial has one of its own.
    seconds: for how long the run has run before.
    latest: asked, where the run would end, for its configuration, in which the budget may have grown meanwhile.
    """

    config: RunConfig
    strategy: Strategy
    evaluator: Evaluator
    executor: Executor
    recorder: Recorder
    notify: Callable[[Event], None] = lambda event: None
    stop: Callable[[], bool] = lambda: False
    forgiven: int = 0
    rule: StopRule | None = None
    folder: Path | None = None
    seconds: float = 0.0
    latest: Callable[[RunConfig], RunConfig] = lambda config: config

    def __post_init__(self) -> None:
        self._history = self.recorder.history()
        self._started = time.monotonic() - self.seconds
        self._objective = self.config.parsed_objective()
        self._required = tuple(dict.fromkeys((*self.evaluator.metrics, *self._objective.metrics)))
        self._in_flight: set[int] = set()
        self._waiting: deque[Trial] = deque()
        self._empty = False

    @property
    def history(self) -> History:
        """All trials so far."""
        return self._history

    def run(self) -> Over:
        """Run to the end; the last event is returned too."""
        self._take_up()
        while self._history.pending or self._may_propose():
            if not self._may_go_on():
                break
            before = self._history
            for outcome in self.executor.run(self.evaluator, self._jobs(), self._report):
                self._in_flight.discard(outcome.index)
                self._end(outcome)
            # What an executor took and did not end is left to the next sitting.
            self._waiting.extend(self._history.trials[index] for index in sorted(self._in_flight))
            self._in_flight.clear()
            unfinished = self._history.pending or self._may_propose()
            if self._history is before and unfinished and self._may_go_on():
                raise RuntimeError(f"the executor {type(self.executor).__name__} returned no outcome")
        over = self._over()
        self.notify(over)
        return over

    def _take_up(self) -> None:
        """Go on with the trials that were found running: take what is kept of them, and evaluate the others."""
        shared = getattr(self.executor, "shares_process", False) and not getattr(self.evaluator, "looks_up", False)
        for trial in self._history.pending:
            outcome = kept_outcome(self._job(trial))
            if outcome is None and shared:
                # Whatever ended the process then, the evaluation was in it.
                outcome = Outcome(trial.index, None, "the process ended while it was evaluated", 0.0, died=True)
            if outcome is None:
                self._waiting.append(trial)
            else:
                self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        """Record how a trial ended, or that it is to be tried again."""
        trial = self._history.trials[outcome.index]
        if outcome.died and trial.attempts + 1 < self.config.max_attempts:
            again = replace(trial, attempts=trial.attempts + 1)
            self._update(again, self.recorder.try_again)
            self._waiting.append(again)
            return
        job = self._job(trial)
        if not getattr(self.evaluator, "looks_up", False):
            keep_outcome(job, outcome)
        trial = end_trial(trial, outcome, self._required, self._history.events)
        self._update(trial, self.recorder.finish)
        drop_outcome(job.folder)
        self.notify(Ended(trial))

    def _job(self, trial: Trial) -> Job:
        folder = trial_folder(self.folder, trial.index) if self.folder else None
        return Job(trial.index, trial.architecture, trial_seed(self.config.seed, trial.index), folder)

    def _jobs(self) -> Iterator[Job]:
        """What to evaluate next, decided when it is asked for; ends where nothing may start before something ends."""
        while len(self._in_flight) < self.config.workers:
            if not self._may_go_on():
                return
            if not self._waiting:
                self._waiting.extend(self._propose())
            if not self._waiting:
                return
            trial = self._waiting.popleft()
            self._in_flight.add(trial.index)
            yield self._job(trial)

    def _propose(self) -> tuple[Trial, ...]:
        """The next trials, recorded."""
        if not self._may_propose() or (self.config.batch_size > 1 and self._history.pending):
            return ()
        n = self.config.batch_size
        if self.config.budget is not None:
            n = min(n, self.config.budget - self._history.queries)
        trials = propose(self.strategy, self._history, n, self.config.seed, self._objective)
        if not trials:
            self._empty = True
            return ()
        self.recorder.add(trials)
        self._history = self._history.updated(*trials)
        self.notify(Proposed(trials))
        return trials

    def _report(self, report: Report) -> bool:
        """Record what a trial says of itself; whether it is to go on."""
        trial = self._history.trials[report.index]
        point = point_of(report, self._history.events)
        if point is None:
            return True
        curve = tuple(old for old in trial.curve if old.step < point.step)
        known = next((old for old in trial.curve if old.step == point.step), None)
        if known is not None and known.metrics == point.metrics:
            # Evaluated again after a crash, it says what it said before; the rule sees what it saw then.
            trial = replace(trial, curve=(*curve, known))
        else:
            trial = replace(trial, curve=(*curve, point))
            self._update(trial, self.recorder.report)
            self.notify(Reported(trial))
        return self.rule is None or not self.rule.stops(self._history, trial)

    def _update(self, trial: Trial, write: Callable[[Trial], None]) -> None:
        write(trial)
        self._history = self._history.updated(trial)

    def _may_go_on(self) -> bool:
        failed = failures_in_a_row(self._history, self.forgiven)
        return not self.stop() and len(failed) < self.config.max_failures

    def _may_propose(self) -> bool:
        if self._empty:
            return False
        if self._reason_to_end() is None:
            return True
        self.config = self.latest(self.config)
        return self._reason_to_end() is None

    def _reason_to_end(self) -> str | None:
        return reason_to_end(self.config, self._history, time.monotonic() - self._started)

    def _over(self) -> Over:
        failed = failures_in_a_row(self._history, self.forgiven)
        if len(failed) >= self.config.max_failures:
            count = f"{len(failed)} evaluations in a row" if len(failed) > 1 else "an evaluation"
            return Over(RunState.STOPPED, f"{count} failed, the last with: {failed[-1].reason}")
        if self._history.pending or self._may_propose():
            return Over(RunState.INTERRUPTED)
        if self._empty:
            return Over(RunState.FINISHED, "the search space has no more architectures")
        return Over(RunState.FINISHED, self._reason_to_end() or None)


def propose(
    strategy: Strategy, history: History, n: int, seed: int, objective: Objective | None = None
) -> tuple[Trial, ...]:
    """The next n trials (fewer only if the space has no more), running: a function of (strategy, seed, history) alone.

    Trials that were stopped early count as they are expected to have ended (``loops.curves``, which is told the
    objective). Raises RuntimeError if the strategy breaks its contract, for the record must never hold an architecture
    twice.
    """
    start = time.perf_counter()
    proposals: list[Proposal] = strategy.propose(as_expected(history, objective), n, rng_for(seed, len(history)))
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
            proposed_event=history.events + position,
        )
        for position, proposal in enumerate(proposals)
    )


def _json_values(provenance: Mapping[str, object]) -> dict[str, object]:
    """What the record will give back, so that a strategy sees the same history in a live run and in a resumed one."""
    text = json.dumps(dict(provenance), default=lambda value: value.item())
    return json.loads(text, parse_constant=lambda _: None)
