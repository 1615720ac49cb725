"""What trials that were stopped early are expected to have come to, from the curves of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loops.history import History, Trial, TrialStatus

# Of so many completed curves a line from a step to the end can be drawn.
ENOUGH = 3


def value_at(trial: Trial, metric: str, step: int) -> float | None:
    """The metric that the trial reported last up to a step, or None."""
    values = [point.metrics[metric] for point in trial.curve if point.step <= step and metric in point.metrics]
    return values[-1] if values else None


def as_expected(history: History) -> History:
    """The history in which trials that were stopped early have ended as expected; that itself where there are none.

    A stopped trial's metric becomes what a line through the completed trials says, from the metric at the step of the
    stop to the final one, by least squares with a slope of at least 0; the metric itself until ``ENOUGH`` of them have
    such curves. Never is it better than the extreme of the completed trials: what was given up is not what a search
    improves on. (Extrapolation from curves: Domhan et al., IJCAI 2015, with parametric ones; Baker et al., 2018, show
    that regression on other trials' curves does as well.)
    """
    stopped = [trial for trial in history.trials if trial.status is TrialStatus.STOPPED]
    if not stopped:
        return history
    full = [trial for trial in history.completed if trial.curve]
    return history.updated(*(_ended(trial, full) for trial in stopped))


def _ended(trial: Trial, full: list[Trial]) -> Trial:
    if not trial.curve:
        return replace(trial, status=TrialStatus.COMPLETED)
    step = trial.curve[-1].step
    metrics = {name: _expected(trial, name, value, step, full) for name, value in trial.metrics.items()}
    return replace(trial, status=TrialStatus.COMPLETED, metrics=metrics)


def _expected(trial: Trial, name: str, value: float, step: int, full: list[Trial]) -> float:
    pairs = [(value_at(other, name, step), other.metrics.get(name)) for other in full]
    known = np.array([(then, final) for then, final in pairs if then is not None and final is not None])
    then = value_at(trial, name, step)
    if then is None or len(known) < ENOUGH:
        return value
    x, y = known[:, 0], known[:, 1]
    variance = float(x.var())
    slope = max(0.0, float(((x - x.mean()) * (y - y.mean())).mean()) / variance) if variance > 0 else 0.0
    line = float(y.mean() + slope * (then - x.mean()))
    return min(max(line, min(float(y.min()), value)), max(float(y.max()), value))
