"""Latency of MobileNetV3 networks on four GPUs, fitted by ``results/fitting/mbv3_gpu_latency.py`` on measurements.

A roofline (Williams, Waterman and Patterson, CACM 2009) of whole networks. PyTorch keeps a GPU busy only where the
layers are large: the host needs h = a' n(x) to launch them, n(x) the blocks of each stage, and the device
d = b' n(x) + r' w(x) to run them, w(x) the work of the layers at the image size. The latency is the larger one,

    log t = log(h^p + d^p) / p + c(x),

with p fitted and c(x) a small sum of corrections by image size and by what each slot holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from bonag.evaluators.artifact import load_artifact
from bonag.evaluators.batch import DECIMALS
from bonag.evaluators.mbv3_work import CLASSES, network_work
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.mbv3.architecture import SKIP, SLOTS_PER_STAGE, STAGES

NAME = "mbv3_gpu_latency"
DEVICES = {"2080ti": "GeForce RTX 2080 Ti", "titan_rtx": "Titan RTX", "titan_xp": "Titan Xp", "v100": "Tesla V100"}
BATCHES = (1, 32, 64)
METRICS = {
    f"latency_{device}_{batch}": (full_name, batch) for device, full_name in DEVICES.items() for batch in BATCHES
}
# The image sizes (pixels) that were measured.
SIZES = np.arange(128, 225, 4)
LAUNCHES = 1 + STAGES


def launches(ops: np.ndarray) -> np.ndarray:
    """One for what every network has, and the blocks of each stage, of (B, 20) operations: (B, 6) float64."""
    depths = (ops != SKIP).reshape(len(ops), STAGES, SLOTS_PER_STAGE).sum(axis=2)
    return np.concatenate([np.ones((len(ops), 1)), depths], axis=1)


def relative_size(image_size: int) -> float:
    """The image size as the corrections take it: -1 to 1 where it was measured, and no further."""
    return float(np.clip((image_size - 176) / 48, -1, 1))


@dataclass(frozen=True)
class Roofline:
    """The parameters of one GPU and batch size.

    host, device: (6,) ms for each of ``launches``. rates: (len(WORK),) ms per unit of work. sharpness: (1,), p.
    by_size: (25,) what ``SIZES`` add to log latency. by_slot: (20, 10, 2) what blocks add, and add for each unit of
    ``relative_size``.
    """

    host: np.ndarray
    device: np.ndarray
    rates: np.ndarray
    sharpness: np.ndarray
    by_size: np.ndarray
    by_slot: np.ndarray

    def predict(self, ops: np.ndarray, image_size: int, width: float = 1.0) -> np.ndarray:
        """The latency (ms) of (B, 20) operations: (B,) float64."""
        fixed, table = network_work(image_size, width)
        counts, slots = launches(ops), np.arange(ops.shape[1])
        device = counts @ self.device + fixed @ self.rates + (table @ self.rates)[slots, ops].sum(axis=1)
        p = self.sharpness[0]
        log_ms = np.logaddexp(p * np.log(counts @ self.host), p * np.log(device)) / p
        correction = self.by_slot @ np.array([1.0, relative_size(image_size)])
        log_ms += np.interp(image_size, SIZES, self.by_size) + correction[slots, ops].sum(axis=1)
        return np.exp(log_ms)


PARTS = tuple(field.name for field in fields(Roofline))


class GPULatency:
    """The latency (ms) of one batch on one GPU, one of ``METRICS``, at one image size (pixels)."""

    def __init__(self, space: SearchSpace, image_size: int, metric: str) -> None:
        artifact = load_artifact(NAME)
        self.size = NetworkSize(CLASSES, image_size)
        row = list(METRICS).index(metric)
        self._space, self._image_size, self._facts = space, image_size, artifact.facts
        self._model = Roofline(**{part: artifact.arrays[part][row] for part in PARTS})

    def predict(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The latency of B architectures in ms: (B,) float64."""
        return np.round(self._model.predict(self._space.codes(architectures), self._image_size), DECIMALS)

    def description(self, metric: str) -> str:
        """What the numbers are, in a sentence or two."""
        (device, batch), facts, size = METRICS[metric], self._facts, self._image_size
        quality = facts["held_out"][metric]
        images = "one image" if batch == 1 else f"a batch of {batch} images"
        outside = "" if SIZES[0] <= size <= SIZES[-1] else f"; {size} px is outside of these, so it is extrapolated"
        return (
            f"{metric} is a model of the time (ms) of {images} of {size} px on a {device} in PyTorch, fitted on "
            f"{facts['fitted']:,} networks that HELP measured at {SIZES[0]} to {SIZES[-1]} px, of a width (1.0 or 1.2) "
            f"that their table does not tell{outside}; on {facts['reported']:,} others Kendall's tau is "
            f"{quality['tau']:.3f} and the mean error {100 * quality['mean']:.1f} %."
        )
