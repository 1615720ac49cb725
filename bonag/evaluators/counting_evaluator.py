"""Exact counts, and latencies profiled on a machine of the user, beside what an evaluator measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bonag.profiling.kept import load_metric, profiled_metrics
from loops.protocols import Evaluator, RunningTrial
from search_spaces import Architecture, SearchSpace
from search_spaces.architecture import COUNTED


class CountingEvaluator:
    """An evaluator whose results hold what is known without it (``names``), where it gives none itself.

    That are the space's exact costs (params, macs) for its default classes and image size, and the latencies (ms) that
    the user's latency models predict.
    """

    def __init__(self, space: SearchSpace, evaluator: Evaluator, names: Sequence[str]) -> None:
        self.space, self.evaluator, self.names = space, evaluator, tuple(names)
        self.metrics: tuple[str, ...] = (*evaluator.metrics, *names)
        self.models = {name: load_metric(space, name) for name in names if name not in COUNTED}
        self.description = " ".join((evaluator.description, *self._told()))
        for name in ("name", "task", "dataset", "preset", "supernet", "imagenet", "looks_up"):
            if hasattr(evaluator, name):
                setattr(self, name, getattr(evaluator, name))
        if hasattr(evaluator, "evaluate_many"):
            self.evaluate_many = self._evaluate_many

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> Mapping[str, float]:
        """What the evaluator measured, and the counts, which its reports have as well."""
        counted = {name: float(values[0]) for name, values in self._known([architecture]).items()}
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
        return self._known(architectures) | self.evaluator.evaluate_many(architectures)  # type: ignore[attr-defined]

    def _known(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        exact = [name for name in self.names if name in COUNTED]
        counted = [counts(self.space, architecture, exact) for architecture in architectures] if exact else []
        columns = {name: np.array([one[name] for one in counted]) for name in exact}
        return columns | {name: model.predict(architectures) for name, model in self.models.items()}

    def _told(self) -> list[str]:
        exact = [name for name in self.names if name in COUNTED]
        told = [f"Exact counts beside it: {', '.join(exact)}."] if exact else []
        return told + [model.description(name) for name, model in self.models.items()]


def known_metrics(space: SearchSpace) -> tuple[str, ...]:
    """What is known of the architectures of a space without any evaluator: exact counts and profiled latencies."""
    return (*(COUNTED if space.counts else ()), *profiled_metrics(space.name))


def counts(space: SearchSpace, architecture: Architecture, names: Sequence[str]) -> dict[str, float]:
    """The exact costs of those names."""
    costs = space.costs(architecture)
    return {name: float(getattr(costs, name)) for name in names}
