"""What is true of architectures: what an evaluator measures, and exact counts, which need none."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bonag.evaluators import BatchEvaluator, make_evaluator
from loops.protocols import Evaluator
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError

# Known of every architecture of every space, without an evaluation.
EXACT = ("params", "macs")


class ExactCosts(BatchEvaluator):
    """Measures nothing and counts exactly: for spaces whose evaluators are not at hand.

    why: what is missing for more.
    """

    name, task = "exact", "costs"
    metrics: tuple[str, ...] = EXACT

    def __init__(self, space: SearchSpace, why: str) -> None:
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
        return make_evaluator(space, name, task, data)
    except UserError as error:
        if set(metrics) <= set(EXACT) and name is None and task is None and data is None:
            return ExactCosts(space, str(error))
        raise


def metrics_of(evaluator: Evaluator) -> tuple[str, ...]:
    """The metrics that ``measure`` knows with this evaluator: its own, and exact counts."""
    return (*evaluator.metrics, *(name for name in EXACT if name not in evaluator.metrics))


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
    values, failure = _measured(evaluator, list(place), [name for name in metrics if name in evaluator.metrics])
    if not set(metrics) <= set(values):
        costs = [space.costs(architecture) for architecture in place]
        exact = {name: np.array([getattr(cost, name) for cost in costs], dtype=np.float64) for name in EXACT}
        values = exact | values
    rows = np.array([place[architecture] for architecture in architectures], dtype=np.int64)
    return {name: values[name][rows] for name in metrics}, failure


def _measured(
    evaluator: Evaluator, architectures: list[Architecture], metrics: list[str]
) -> tuple[dict[str, np.ndarray], str | None]:
    if isinstance(evaluator, BatchEvaluator):
        found = evaluator.evaluate_many(architectures)
        return {name: np.asarray(found[name], dtype=np.float64) for name in metrics}, None
    if set(metrics) <= set(EXACT):
        return {}, None
    failure, failed = None, 0
    columns: dict[str, list[float]] = {name: [] for name in metrics}
    for architecture in architectures:
        try:
            result = evaluator.evaluate(architecture, 0)
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
