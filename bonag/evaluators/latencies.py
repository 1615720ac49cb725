"""The latencies that are known of the networks of a space: those that bonag ships, and those profiled by the user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from bonag.evaluators import mbv3_gpu_latency, note10_latency
from bonag.evaluators.mbv3_gpu_latency import GPULatency
from bonag.evaluators.note10_latency import Note10Latency
from bonag.profiling.kept import load_metric, profiled_metrics
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion


class Latency(Protocol):
    """A model of the latency of a space's networks, of a size."""

    @property
    def size(self) -> NetworkSize:
        """Of these networks."""
        ...

    def predict(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The latency of B architectures in ms: (B,) float64."""
        ...

    def description(self, metric: str) -> str:
        """What the numbers are."""
        ...


# By space and metric, what makes the model for an image size (pixels).
SHIPPED: dict[str, dict[str, Callable[[SearchSpace, int], Latency]]] = {
    "mbv3": {
        note10_latency.METRIC: Note10Latency,
        **{metric: partial(GPULatency, metric=metric) for metric in mbv3_gpu_latency.METRICS},
    }
}


def latency_metrics(space_name: str) -> tuple[str, ...]:
    """The metrics ``latency_<name>`` that are known of the networks of a space, shipped ones first."""
    return tuple(dict.fromkeys((*SHIPPED.get(space_name, {}), *profiled_metrics(space_name))))


def latency_model(space: SearchSpace, metric: str, image_size: int) -> Latency:
    """The model of one of ``latency_metrics``; the user's own goes before a shipped one of the same name.

    image_size: in pixels, of the networks meant; what the user profiled has that of its measurements. Raises UserError.
    """
    if metric in profiled_metrics(space.name):
        return load_metric(space, metric)
    shipped = SHIPPED.get(space.name, {})
    if metric not in shipped:
        raise UserError(f"no latency '{metric}' is known: {suggestion(metric, latency_metrics(space.name))}")
    return shipped[metric](space, image_size)
