"""From what an evaluation said to what is recorded of it."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from numbers import Real

from loops.history import Point, Trial, TrialStatus
from loops.protocols import Outcome, Report

# A metric's name, as objectives and constraints can say it.
NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")


def end_trial(trial: Trial, outcome: Outcome, required: tuple[str, ...], event: int) -> Trial:
    """The trial with its outcome: completed if the required metrics and all others are finite numbers, else failed.

    One that was told to end early is stopped, and has the metrics that it gave then. event: the number of this end.
    """
    trial = replace(
        trial, ended_at=time.time(), evaluation_seconds=outcome.seconds, output=outcome.output, ended_event=event
    )
    if outcome.reason is not None:
        return replace(trial, status=TrialStatus.FAILED, reason=outcome.reason)
    status = TrialStatus.STOPPED if outcome.stopped else TrialStatus.COMPLETED
    try:
        metrics = check_metrics(outcome.metrics, required)
    except ValueError as error:
        return replace(trial, status=TrialStatus.FAILED, reason=str(error))
    reason = f"stopped early, after step {trial.curve[-1].step}" if outcome.stopped and trial.curve else None
    return replace(trial, status=status, metrics=metrics, reason=reason, output=None)


def point_of(report: Report, event: int) -> Point | None:
    """What was reported, as a point of a curve; None where no metric of it is a finite number."""
    metrics: dict[str, float] = {}
    for name, value in report.metrics.items():
        with suppress(ValueError):
            metrics |= check_metrics({name: value}, ())
    return Point(report.step, metrics, event) if metrics else None


def check_metrics(metrics: object, required: tuple[str, ...]) -> dict[str, float]:
    """The metrics by name, sorted; raises ValueError unless the required ones are there and all are finite numbers."""
    if not isinstance(metrics, Mapping):
        raise ValueError(f"the evaluator returned {type(metrics).__name__} and not a mapping of metrics")
    for name in metrics:
        if not isinstance(name, str):
            raise ValueError(f"the metric name {name!r} is not a string")
        if not NAME.fullmatch(name):
            raise ValueError(f"the metric name {ascii(name)[:100]} cannot be recorded")
    for name in required:
        if name not in metrics:
            raise ValueError(f"metric '{name}' is missing")
    return {name: _number(name, metrics[name]) for name in sorted(metrics)}


def _number(name: str, value: object) -> float:
    if hasattr(value, "item"):  # NumPy and PyTorch scalars
        with suppress(Exception):  # the user's object, which may raise anything
            value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"metric '{name}' is {type(value).__name__} and not a number")
    try:
        number = float(value)
    except Exception:  # too large for one, or a number of the user's own kind
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"metric '{name}' is {number}")
    return number
