"""One evaluation, wherever it runs: whatever it does is its outcome."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from bonag.executors.failure import failure_line
from bonag.running_trial import RunningTrial
from loops.outcome import check_metrics
from loops.protocols import Evaluator, Job, Outcome, Report
from search_spaces import SearchSpace


def evaluate(
    evaluator: Evaluator,
    job: Job,
    report: Callable[[Report], bool],
    space: SearchSpace | None = None,
    wishes: tuple[type[BaseException], ...] = (KeyboardInterrupt,),
    settle: Callable[[], object] = lambda: None,
) -> Outcome:
    """Evaluate a job here and now; what it raises is its outcome, save ``wishes`` of the user, which go on.

    settle: waits until all reports are recorded. Its metrics are numbers. What an evaluation that was told to end early
    does not give, it has as it reported it last.
    """
    start = time.perf_counter()
    process = os.getpid()
    reported: dict[str, object] = {}

    def tell(step: int, metrics: Mapping[str, object]) -> bool:
        reported.update(metrics)
        return report(Report(job.index, step, dict(metrics)))

    trial = RunningTrial(job.index, job.seed, space, job.folder, tell, settle)
    metrics: Mapping[str, float] | None = None
    reason = None
    try:
        found: object = evaluator.evaluate(job.architecture, trial)
    except wishes:
        raise
    except BaseException as error:
        reason = failure_line(error)
    else:
        try:
            if trial.stopped:
                found = reported | dict(found if isinstance(found, Mapping) else {})
            metrics = check_metrics(found, ())
        except ValueError as error:
            reason = str(error)
    if os.getpid() != process:
        # The evaluation forked, and this is the child, which has no business here.
        os._exit(0)
    stopped = trial.stopped and reason is None
    return Outcome(job.index, metrics, reason, time.perf_counter() - start, stopped=stopped)
