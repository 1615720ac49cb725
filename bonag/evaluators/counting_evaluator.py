"""Exact counts, and latencies of which there are models, beside what an evaluator measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bonag.evaluators.latencies import latency_metrics, latency_model
from bonag.evaluators.sizing import sized_space
from loops.protocols import Evaluator, RunningTrial
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.architecture import COUNTED


class CountingEvaluator:
    """An evaluator whose results hold what is known without it (``names``), where it gives none itself.

    That are the exact costs (params, macs) of the networks that it measures, and the latencies (ms) that bonag's models
    and the user's predict for their image size.

    size: of these networks; by default what the evaluator says.
    """

    def __init__(
        self, space: SearchSpace, evaluator: Evaluator, names: Sequence[str], size: NetworkSize | None = None
    ) -> None:
        self.space, self.evaluator, self.names = sized_space(space, evaluator, size), evaluator, tuple(names)
        self.metrics: tuple[str, ...] = (*evaluator.metrics, *names)
        side = self.space.image_size
        self.models = {name: latency_model(space, name, side) for name in names if name not in COUNTED}
        self.description = " ".join((evaluator.description, *self._told()))
        for name in ("name", "task", "dataset", "preset", "supernet", "imagenet", "looks_up", "network_size", "units"):
            if hasattr(evaluator, name):
                setattr(self, name, getattr(evaluator, name))
        if hasattr(evaluator, "evaluate_many"):
            self.evaluate_many = self._evaluate_many
        if hasattr(evaluator, "fingerprint"):
            self.fingerprint = evaluator.fingerprint

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
        told += [model.description(name) for name, model in self.models.items()]
        mine = self.space.network_size
        others = [name for name, model in self.models.items() if model.size != mine]
        return told + [f"{', '.join(others)}: of other networks than those measured here ({mine})."] * bool(others)


def known_metrics(space: SearchSpace) -> tuple[str, ...]:
    """What is known of the architectures of a space without any evaluator: exact counts and modelled latencies."""
    return (*(COUNTED if space.counts else ()), *latency_metrics(space.name))


def counts(space: SearchSpace, architecture: Architecture, names: Sequence[str]) -> dict[str, float]:
    """The exact costs of those names, of the networks that architectures stand for in this space."""
    costs = space.costs(architecture)
    return {name: float(getattr(costs, name)) for name in names}
