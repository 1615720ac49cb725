"""A surrogate of measured ImageNet accuracy for the MobileNetV3 space, fitted by ``results/fitting/mbv3_surrogate.py``.

The logarithm of the top-1 error (%) is one Gaussian process over networks and image sizes: a mean that is additive in
what every slot holds, and a squared-exponential residual over a fitted summary of every stage and the size, in the
variational sparse form of Titsias (AISTATS 2009). With m(x) = phi(x)' w and
v(x) = |R phi(x)|^2 + (a - |n(x)|^2) + noise, where phi stacks the additive features and the residual's projection n(x)
on a few optimised pseudo-inputs, accuracy is 100 - exp(m + v / 2), less a penalty where the process knows less than it
does of networks like those measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bonag.evaluators.artifact import accuracy_moments, load_artifact
from bonag.evaluators.batch import DECIMALS, BatchEvaluator
from bonag.evaluators.latencies import latency_model
from bonag.evaluators.note10_latency import METRIC as NOTE10
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.mbv3.architecture import BLOCKS, SLOTS_PER_STAGE, STAGES

NAME = "mbv3_surrogate"
# The image sizes (pixels) that were measured; the first one is the usual task.
SIZES = (224, 192, 160, 128)
# What a slot holds, as steps: it runs, its kernel is at least 5, at least 7, its expand ratio at least 4, at least 6.
# How many of its own standard deviations, beyond what is usual for networks like those measured, are taken off.
PENALTY = 2.0
STEPS = np.array([[1, k >= 5, k >= 7, e >= 4, e >= 6] for k, e in BLOCKS] + [[0] * 5], dtype=np.float64)


def task_names(data_dir: Path | None) -> list[str]:
    """``imagenet224``, ``imagenet192``, ``imagenet160``, ``imagenet128``."""
    return [f"imagenet{size}" for size in SIZES]


def make(space: SearchSpace, task: str, data_dir: Path | None) -> MBV3Surrogate:
    """The shipped surrogate; it needs no data."""
    return MBV3Surrogate(space, int(task.removeprefix("imagenet")))


@dataclass(frozen=True)
class Features:
    """additive: (B, A) slots' steps, their totals, totals times size, and one-hot size. stages: (B, 5, 20) slots' steps
    by stage. relative_size: (B, 1). size_index: (B,) into ``SIZES``.
    """

    additive: np.ndarray
    stages: np.ndarray
    relative_size: np.ndarray
    size_index: np.ndarray


def features(ops: np.ndarray, image_size: np.ndarray) -> Features:
    """The features of (B, 20) operations at (B,) image sizes (each one of ``SIZES``)."""
    steps = STEPS[ops]
    size_index = np.array([SIZES.index(int(size)) for size in image_size], dtype=np.int64)
    relative_size = (np.asarray(image_size, dtype=np.float64)[:, None] - 160.0) / 32.0
    totals = steps.mean(axis=1)
    one_hot = np.eye(len(SIZES))[size_index]
    slots = steps.reshape(len(ops), ops.shape[1] * steps.shape[-1])
    return Features(
        additive=np.concatenate([slots, totals, totals * relative_size, one_hot], axis=1),
        stages=steps.reshape(len(ops), STAGES, SLOTS_PER_STAGE * steps.shape[-1]),
        relative_size=relative_size,
        size_index=size_index,
    )


@dataclass(frozen=True)
class LogErrorModel:
    """The fitted process. A additive features, M pseudo-inputs, D = A + M.

    centre, scale: (A,) standardise the additive features. summaries: (5, 20, 5) of a stage's steps, five numbers.
    size_length: (1,) inverse length of the size. pseudo_inputs: (M, 26) summaries and size. amplitude: (1,) prior
    variance of the residual. whitener: (M, M). weights: (D,). root: (D, D). noise: (4,) by size. usual: (4,) standard
    deviation by size, without noise, that few networks like those measured exceed.
    """

    centre: np.ndarray
    scale: np.ndarray
    summaries: np.ndarray
    size_length: np.ndarray
    pseudo_inputs: np.ndarray
    amplitude: np.ndarray
    whitener: np.ndarray
    weights: np.ndarray
    root: np.ndarray
    noise: np.ndarray
    usual: np.ndarray

    @property
    def _width(self) -> int:
        stages, _, summaries = self.summaries.shape
        return int(stages * summaries)

    def predict(self, x: Features) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, variance of the mean, and variance of a measurement's noise, of log error: (B,) each.

        Far from what was measured the mean is raised, so that no search wins by the errors that are made there.
        """
        summaries = np.einsum("bsi,sij->bsj", x.stages, self.summaries).reshape(len(x.stages), self._width)
        inputs, pseudo = np.concatenate([summaries, x.relative_size * self.size_length], axis=1), self.pseudo_inputs
        distances = (inputs**2).sum(axis=1)[:, None] - 2.0 * inputs @ pseudo.T + (pseudo**2).sum(axis=1)
        projection = (self.amplitude * np.exp(-distances)) @ self.whitener.T
        phi = np.concatenate([(x.additive - self.centre) * self.scale, projection], axis=1)
        unexplained = np.maximum(self.amplitude - (projection**2).sum(axis=1), 0.0)
        variance = ((phi @ self.root.T) ** 2).sum(axis=1) + unexplained
        unusual = np.maximum(np.sqrt(variance) - self.usual[x.size_index], 0.0)
        return phi @ self.weights + PENALTY * unusual, variance, self.noise[x.size_index]


class MBV3Surrogate(BatchEvaluator):
    """Metrics ``accuracy`` and ``accuracy_sd`` (%), ``latency_note10`` (ms), ``params``, ``macs`` at the size."""

    def __init__(self, space: SearchSpace, image_size: int) -> None:
        artifact = load_artifact(NAME)
        self.name, self.task, self.space = "surrogate", f"imagenet{image_size}", space
        self.metrics = ("accuracy", "accuracy_sd", NOTE10, "params", "macs")
        self._image_size = image_size
        self.network_size = NetworkSize(space.num_classes, image_size)
        self._model = LogErrorModel(**artifact.arrays)
        self._latency = latency_model(space, NOTE10, image_size)
        facts, here = artifact.facts, artifact.facts["held_out"][str(image_size)]
        self.description = (
            f"Accuracy is a surrogate's estimate of measured ImageNet top-1 (%) at {image_size} px: a Gaussian process "
            f"fitted on {facts['rows']:,} measurements of subnets of Once-for-All's width-1.0 supernet, "
            f"{here['rows']:,} of them at {image_size} px. Held out there, its Kendall tau is {here['tau']:.3f} and "
            f"its root mean squared error {here['rmse']:.2f} points; the best measured network has "
            f"{facts['largest_label'][str(image_size)]:.2f}, the highest estimate found is "
            f"{facts['highest'][str(image_size)]:.2f}. accuracy_sd is its own uncertainty of a measurement. It "
            "estimates subnets that use the supernet's weights: no network is trained or run, and one that is trained "
            "on its own will differ. Params and MACs are exact. " + self._latency.description(NOTE10)
        )

    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        ops = self.space.codes(architectures)
        mean, variance, noise = self._model.predict(features(ops, np.full(len(ops), self._image_size)))
        accuracy, spread = accuracy_moments(mean, variance + noise)
        return {
            "accuracy": np.round(accuracy, DECIMALS),
            "accuracy_sd": np.round(spread, DECIMALS),
            NOTE10: self._latency.predict(architectures),
            **self.costs_many(architectures),
        }
