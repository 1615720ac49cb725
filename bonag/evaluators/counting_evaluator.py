"""Exact counts beside what an evaluator measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from loops.protocols import Evaluator, RunningTrial
from search_spaces import Architecture, SearchSpace


class CountingEvaluator:
    """An evaluator whose results hold the space's exact costs (``names``: params, macs) where it gives none itself.

    They are those for the space's default classes and image size.
    """

    def __init__(self, space: SearchSpace, evaluator: Evaluator, names: Sequence[str]) -> None:
        self.space, self.evaluator, self.names = space, evaluator, tuple(names)
        self.metrics: tuple[str, ...] = (*evaluator.metrics, *names)
        self.description = f"{evaluator.description} Exact counts beside it: {', '.join(names)}."
        for name in ("name", "task", "dataset", "preset", "looks_up"):
            if hasattr(evaluator, name):
                setattr(self, name, getattr(evaluator, name))
        if hasattr(evaluator, "evaluate_many"):
            self.evaluate_many = self._evaluate_many

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> Mapping[str, float]:
        """What the evaluator measured, and the counts, which its reports have as well."""
        counted = counts(self.space, architecture, self.names)
        trial.known.update(counted)
        measured = self.evaluator.evaluate(architecture, trial)
        if measured is None and trial.stopped:
            # What it reported is taken for its metrics.
            measured = {}
        # What is no mapping is refused, with its type, where outcomes are checked.
        if not isinstance(measured, Mapping):
            return measured
        return counted | dict(measured)

    def _evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        counted = [counts(self.space, architecture, self.names) for architecture in architectures]
        columns = {name: np.array([one[name] for one in counted]) for name in self.names}
        return columns | self.evaluator.evaluate_many(architectures)  # type: ignore[attr-defined]


def counts(space: SearchSpace, architecture: Architecture, names: Sequence[str]) -> dict[str, float]:
    """The exact costs of those names."""
    costs = space.costs(architecture)
    return {name: float(getattr(costs, name)) for name in names}
