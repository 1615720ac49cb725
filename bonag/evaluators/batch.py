"""Evaluators that answer for many architectures at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from search_spaces import Architecture, NetworkSize, SearchSpace

# Results are rounded to this many decimals: the last bits of a matrix product depend on the machine and on how many
# architectures were asked for together, and a search that is repeated elsewhere should not.
DECIMALS = 6


class BatchEvaluator(ABC):
    """An ``Evaluator`` whose numbers are computed, not measured: deterministic, picklable, quick.

    looks_up: that an evaluation takes microseconds and runs bonag's code alone, so that it needs no process of its own.
    name, task: what ``make_evaluator`` was asked for.
    metrics, description: as in ``loops.protocols.Evaluator``.
    network_size: of the networks that the numbers are of; the space's own where it is None.
    """

    name: str
    task: str
    space: SearchSpace
    metrics: tuple[str, ...]
    description: str
    looks_up = True
    network_size: NetworkSize | None = None

    @abstractmethod
    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        """The metrics of B architectures: a (B,) float64 array for each name; nan where there is no value."""

    def evaluate(self, architecture: Architecture, trial: object = None) -> dict[str, float]:
        """The metrics of one architecture that have a value; nothing is random, so the trial plays no part.

        Raises LookupError where the first of them, which is what evaluators are asked for, has none.
        """
        metrics = {name: float(values[0]) for name, values in self.evaluate_many([architecture]).items()}
        if np.isnan(metrics[self.metrics[0]]):
            raise LookupError(f"the {self.name} has no {self.metrics[0]} of {architecture} on {self.task}")
        return {name: value for name, value in metrics.items() if not np.isnan(value)}

    def costs_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        """Exact ``params`` and ``macs`` of the networks of B architectures: (B,) float64 each."""
        space = self.space if self.network_size is None else self.space.at(self.network_size)
        costs = [space.costs(architecture) for architecture in architectures]
        return {
            "params": np.array([c.params for c in costs], dtype=np.float64),
            "macs": np.array([c.macs for c in costs], dtype=np.float64),
        }
