"""The accuracy predictor that Once-for-All published for its MobileNetV3 networks (Cai et al., ICLR 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bonag.evaluators.batch import DECIMALS, BatchEvaluator
from bonag.evaluators.data_files import data_file, read_arrays
from bonag.evaluators.latencies import latency_model
from bonag.evaluators.note10_latency import METRIC as NOTE10
from bonag.safe_reading import check_finite
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.errors import UserError

FILE = "mbv3_imagenet_predictor.npz"
# 20 slots x 3 kernels, 20 slots x 3 expand ratios, 8 image sizes; then the widths of the layers.
SLOTS, KERNELS, EXPANDS = 20, 3, 3
WIDTHS = (128, 400, 400, 400, 1)
LAYERS = (0, 2, 4, 6)
SMALLEST_SIZE, SIZE_STEP, FIRST_SIZE_INPUT = 112, 16, SLOTS * (KERNELS + EXPANDS)
# It was trained at 128 to 224 pixels; the largest is the usual task.
SIZES = tuple(range(224, 127, -SIZE_STEP))


def task_names(data_dir: Path | None) -> list[str]:
    """``imagenet<size>`` at 224, 208, ... 128 pixels."""
    return [f"imagenet{size}" for size in SIZES]


def make(space: SearchSpace, task: str, data_dir: Path | None) -> OFAPredictor:
    """Read the predictor's weights; raises UserError."""
    path = data_file(data_dir, FILE, "evaluator 'predictor' of space 'mbv3'")
    arrays = read_arrays(path, [f"{layer}.{kind}" for layer in LAYERS for kind in ("weight", "bias")])
    for layer, fan_in, fan_out in zip(LAYERS, WIDTHS[:-1], WIDTHS[1:], strict=True):
        for kind, shape in (("weight", (fan_out, fan_in)), ("bias", (fan_out,))):
            array = arrays[f"{layer}.{kind}"]
            if array.shape != shape or not np.issubdtype(array.dtype, np.floating):
                raise UserError(
                    f"array '{layer}.{kind}' of {path} is {array.dtype} of shape {array.shape}, "
                    f"it must be floating point of shape {shape}"
                )
            check_finite(path, f"{layer}.{kind}", array)
    layers = [(arrays[f"{layer}.weight"], arrays[f"{layer}.bias"]) for layer in LAYERS]
    return OFAPredictor(space, int(task.removeprefix("imagenet")), layers)


class OFAPredictor(BatchEvaluator):
    """Metrics ``accuracy`` (%), ``params``, ``macs`` and ``latency_note10`` (ms), all at the task's image size.

    layers: (weight (out, in), bias (out,)) of the four layers, with ReLUs between.
    """

    def __init__(self, space: SearchSpace, image_size: int, layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        self.name, self.task, self.space = "predictor", f"imagenet{image_size}", space
        self.metrics = ("accuracy", "params", "macs", NOTE10)
        self._image_size = image_size
        self.network_size = NetworkSize(space.num_classes, image_size)
        self._layers = [(weight.T.astype(np.float64), bias.astype(np.float64)) for weight, bias in layers]
        self._latency = latency_model(space, NOTE10, image_size)
        self.description = (
            f"Accuracy is what Once-for-All's published predictor says at {image_size} px (an MLP that its authors "
            "trained on subnets of their width-1.2 supernet): top-1 (%) on 10,000 images held out of ImageNet's "
            "training set, which reads several points above validation top-1 and is not the accuracy of the width-1.0 "
            "networks that this space builds. Use its order, not its level; far from typical networks it can be "
            "wrong, and a search will find where. No network is trained. Params and MACs are exact counts of the "
            f"width-1.0 network. {self._latency.description(NOTE10)}"
        )

    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        x = self._inputs(self.space.codes(architectures))
        for number, (weight, bias) in enumerate(self._layers):
            x = x @ weight + bias
            if number < len(self._layers) - 1:
                np.maximum(x, 0.0, out=x)
        return {
            "accuracy": np.round(100.0 * x[:, 0], DECIMALS),
            **self.costs_many(architectures),
            NOTE10: self._latency.predict(architectures),
        }

    def _inputs(self, ops: np.ndarray) -> np.ndarray:
        """(B, 20) operations as the predictor's (B, 128) inputs: one-hots, all zero in the slots that are skipped."""
        x = np.zeros((len(ops), WIDTHS[0]))
        rows, slots = np.nonzero(ops < KERNELS * EXPANDS)
        kernel, expand = np.divmod(ops[rows, slots], EXPANDS)
        x[rows, KERNELS * slots + kernel] = 1.0
        x[rows, SLOTS * KERNELS + EXPANDS * slots + expand] = 1.0
        x[:, FIRST_SIZE_INPUT + (self._image_size - SMALLEST_SIZE) // SIZE_STEP] = 1.0
        return x
