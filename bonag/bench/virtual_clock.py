"""Evaluations on a virtual clock: as many workers as one likes, on one core."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from bonag.executors.evaluating import evaluate
from loops.protocols import Evaluator, Job, Outcome, Report
from search_spaces import SearchSpace

# Standard deviation of the logarithm of a duration; the median is the unit of time.
SPREAD = 0.5


def duration(job: Job) -> float:
    """How long the evaluation takes: log-normal with median 1, a function of the trial's seed alone."""
    return math.exp(SPREAD * float(np.random.default_rng(job.seed).standard_normal()))


@dataclass(frozen=True)
class Span:
    """When an evaluation began and when it ended, in virtual time."""

    begin: float
    end: float


@dataclass
class VirtualExecutor:
    """An executor of so many workers whose evaluations cost nothing and end in the order of their virtual ends.

    Each evaluation takes ``lasts(job)``. Proposals are made one after the other, each in ``proposal_time``; what has
    ended by then is known to the next. With 0, a worker never waits for one. spans: of each trial, by its index.
    """

    workers: int
    space: SearchSpace | None = None
    proposal_time: float = 0.0
    lasts: Callable[[Job], float] = duration
    spans: dict[int, Span] = field(default_factory=dict)

    def run(self, evaluator: Evaluator, jobs: Iterable[Job], report: Callable[[Report], bool]) -> Iterator[Outcome]:
        """Yield the outcomes in the order in which they end; of two at the same time, that of the smaller index first.

        Ends once the jobs have run out and all of them have ended.
        """
        waiting = iter(jobs)
        # The index decides between equal times, so jobs are never compared.
        running: list[tuple[float, int, Job]] = []
        more = True
        now = max((span.end for span in self.spans.values()), default=0.0)
        while more or running:
            ended = bool(running) and running[0][0] <= now
            if more and not ended and len(running) < self.workers:
                job = next(waiting, None)
                if job is None:
                    more = False
                    continue
                now += self.proposal_time
                self.spans[job.index] = Span(now, now + self.lasts(job))
                heapq.heappush(running, (self.spans[job.index].end, job.index, job))
            else:
                end, _, job = heapq.heappop(running)
                now = max(now, end)
                yield evaluate(evaluator, job, report, self.space)

    def close(self) -> None:
        """Nothing is held."""

    def idle_share(self, until: float) -> float:
        """The share of the workers' time, from 0 to ``until``, in which they had nothing to evaluate."""
        busy = sum(max(0.0, min(span.end, until) - span.begin) for span in self.spans.values())
        # Rounded, for a sum of many spans is not quite the product.
        return max(0.0, round(1 - busy / (self.workers * until), 9)) if until > 0 else 0.0
