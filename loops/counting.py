"""How many trials there are of each kind."""

from __future__ import annotations

from loops.history import History, Trial, TrialStatus
from loops.metric_units import words

# What is said of trials that did not complete, in this order.
TOLD = (TrialStatus.STOPPED, TrialStatus.FAILED, TrialStatus.ABANDONED, TrialStatus.RUNNING)


def count_words(history: History, budget: int | None) -> str:
    """``12 trials of 100, 3 known, 2 stopped, 1 failed``: queries first, and nothing of what there is none."""
    known = len(history) - history.queries
    parts = [f"{history.queries} trials" + ("" if budget is None else f" of {budget}")]
    parts += [f"{known} known"] if known else []
    found = {status: sum(trial.status is status for trial in history) for status in TOLD}
    return ", ".join([*parts, *(f"{count} {status}" for status, count in found.items() if count)])


def report_words(trial: Trial, first: tuple[str, ...]) -> str | None:
    """``step 3 accuracy 91.2 %``: what a trial reported last, by the metrics of ``first`` or else by one; None for
    nothing."""
    if not trial.curve:
        return None
    point = trial.curve[-1]
    names = [name for name in first if name in point.metrics] or list(point.metrics)[:1]
    return " ".join([f"step {point.step}", *(words(name, point.metrics[name]) for name in names)])
