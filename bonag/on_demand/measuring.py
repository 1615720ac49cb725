"""What is true of architectures: what an evaluator measures, and exact counts, which need none."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bonag.evaluators import BatchEvaluator, make_evaluator
from bonag.evaluators.latencies import latency_metrics
from bonag.running_trial import RunningTrial
from loops.protocols import Evaluator
from search_spaces import Architecture, SearchSpace
from search_spaces.architecture import COUNTED
from search_spaces.errors import UserError


class ExactCosts(BatchEvaluator):
    """Measures nothing and counts exactly: for spaces whose evaluators are not at hand.

    why: what is missing for more.
    """

    name, task = "exact", "costs"
    metrics: tuple[str, ...] = COUNTED

    def __init__(self, space: SearchSpace, why: str = "") -> None:
        self.space = space
        self.description = f"Exact numbers of parameters and multiply-accumulates, and nothing measured: {why}"

    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        return self.costs_many(architectures)


def choose_evaluator(
    space: SearchSpace,
    metrics: Sequence[str],
    name: str | None = None,
    task: str | None = None,
    data: Path | None = None,
) -> Evaluator:
    """The evaluator that was asked for, or the default one; exact counts where it cannot be had and they suffice.

    metrics: those that must be measured. Raises UserError.
    """
    try:
        latencies = [metric for metric in metrics if metric in latency_metrics(space.name)]
        return make_evaluator(space, name, task, data, metrics=latencies)
    except UserError as error:
        if set(metrics) <= set(COUNTED) and name is None and task is None and data is None:
            return ExactCosts(space, str(error))
        raise


def metrics_of(space: SearchSpace, evaluator: Evaluator) -> tuple[str, ...]:
    """The metrics that ``measure`` knows with this evaluator: its own, and exact counts where the space has them."""
    counted = COUNTED if space.counts else ()
    return (*evaluator.metrics, *(name for name in counted if name not in evaluator.metrics))


def counter_of(
    space: SearchSpace, evaluator: Evaluator, metric: str
) -> Callable[[Sequence[Architecture]], np.ndarray] | None:
    """What counts a metric, exactly and at no cost, as the evaluator has it; None where it has to be measured."""
    many = _batches(evaluator) if metric in evaluator.metrics else ExactCosts(space).evaluate_many
    if metric not in COUNTED or many is None:
        return None
    return lambda architectures: many(architectures)[metric]


def needs_no_time(evaluator: Evaluator) -> bool:
    """Whether it computes many architectures at once, as look-ups and estimates do, or measures nothing."""
    return _batches(evaluator) is not None or set(evaluator.metrics) <= set(COUNTED)


def source_of(evaluator: Evaluator) -> str:
    """What evaluates, in a few words, for the records of trainings: equal words mean comparable numbers."""
    name = getattr(evaluator, "name", None)
    return f"{name} {getattr(evaluator, 'task', '')}".strip() if name else evaluator.description


def measure(
    space: SearchSpace, evaluator: Evaluator, architectures: Sequence[Architecture], metrics: Sequence[str]
) -> tuple[dict[str, np.ndarray], str | None]:
    """The metrics of architectures, (B,) of each, and why the last evaluation that failed did so, if any.

    A value is nan where the evaluation failed or has none. Equal architectures are evaluated once.
    """
    place = {architecture: number for number, architecture in enumerate(dict.fromkeys(architectures))}
    values, failure = _evaluate(evaluator, list(place), [name for name in metrics if name in evaluator.metrics])
    if not set(metrics) <= set(values):
        values = ExactCosts(space).costs_many(list(place)) | values
    rows = np.array([place[architecture] for architecture in architectures], dtype=np.int64)
    return {name: values[name][rows] for name in metrics}, failure


def _evaluate(
    evaluator: Evaluator, architectures: list[Architecture], metrics: list[str]
) -> tuple[dict[str, np.ndarray], str | None]:
    many = _batches(evaluator)
    if many is not None:
        found = many(architectures)
        return {name: np.asarray(found[name], dtype=np.float64) for name in metrics}, None
    if set(metrics) <= set(COUNTED):
        return {}, None
    failure, failed = None, 0
    columns: dict[str, list[float]] = {name: [] for name in metrics}
    for architecture in architectures:
        try:
            result = evaluator.evaluate(architecture, RunningTrial())
            found_values = {name: float(result[name]) for name in metrics}
        except Exception as error:  # evaluators are users' code; what they raise is told below, and costs one value
            failure, found_values = f"{type(error).__name__}: {error}", {}
            failed += 1
        for name in metrics:
            columns[name].append(found_values.get(name, np.nan))
    if failed:
        told = f"{failed} of {len(architectures)} architectures could not be evaluated; the last failed with {failure}"
        warnings.warn(told, stacklevel=3)
    return {name: np.array(column) for name, column in columns.items()}, failure


def _batches(evaluator: Evaluator) -> Callable[[Sequence[Architecture]], dict[str, np.ndarray]] | None:
    """How the evaluator computes many architectures at once, if it can."""
    found: Callable[[Sequence[Architecture]], dict[str, np.ndarray]] | None
    found = getattr(evaluator, "evaluate_many", None)
    return found
