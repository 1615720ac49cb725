"""Latency of MobileNetV3 networks on a Samsung Note10: rates that were fitted, times the work of each layer.

``results/fitting/note10_latency.py`` fits the rates on Once-for-All's lookup table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bonag.evaluators.artifact import load_artifact
from bonag.evaluators.batch import DECIMALS
from bonag.evaluators.mbv3_work import CLASSES, network_work
from search_spaces import Architecture, NetworkSize, SearchSpace

NAME = "note10_latency"
METRIC = "latency_note10"


class Note10Latency:
    """Latency (ms) of the space's width-1.0 networks at one image size (pixels)."""

    def __init__(self, space: SearchSpace, image_size: int) -> None:
        artifact, self._space = load_artifact(NAME), space
        self.size = NetworkSize(CLASSES, image_size)
        rates = artifact.arrays["nanoseconds"] * 1e-6
        fixed, table = network_work(image_size)
        self._fixed, self._table = float(fixed @ rates), table @ rates
        facts, errors = artifact.facts, artifact.facts["errors"]
        self._told = (
            f"Latency on a Samsung Note10 (ms) is a sum of {len(rates)} fitted rates times each layer's work, fitted "
            f"on {facts['rows']:,} block latencies of Once-for-All's lookup table of the width-1.2 network and applied "
            "to the width-1.0 shapes, which no table measured: left-out kinds of layer are off by "
            f"{100 * errors['kind of layer left out']['mean']:.1f} % and left-out image sizes by "
            f"{100 * errors['image size left out']['mean']:.1f} % on average"
            + (
                ""
                if min(facts["sizes"]) <= image_size <= max(facts["sizes"])
                else f"; {image_size} px is outside of the table's {min(facts['sizes'])} to {max(facts['sizes'])} px"
            )
            + "."
        )

    def predict(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The latency of B architectures in ms: (B,) float64."""
        return self.of_ops(self._space.codes(architectures))

    def description(self, metric: str = METRIC) -> str:
        """One sentence on what the numbers are."""
        return self._told

    def of_ops(self, ops: np.ndarray) -> np.ndarray:
        """The latency of (B, 20) operations: (B,) float64."""
        return np.round(self._fixed + self._table[np.arange(ops.shape[1]), ops].sum(axis=1), DECIMALS)
