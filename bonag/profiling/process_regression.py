"""Latency by the project's Gaussian process over architectures, in a form that can be kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from search_spaces import SearchSpace

if TYPE_CHECKING:
    from bonag.predictors.gp import FittedProcess, GaussianProcess

_KERNEL = "kernel."


@dataclass(frozen=True, eq=False)
class ProcessRegression:
    """The process on (n, S) codes and (n,) standardised values; hyperparameters: by name. moments: their mean and
    spread before. noise: (1,), its variance."""

    space: SearchSpace
    codes: np.ndarray
    scores: np.ndarray
    moments: np.ndarray
    noise: np.ndarray
    hyperparameters: dict[str, np.ndarray]

    @classmethod
    def fit(cls, space: SearchSpace, codes: np.ndarray, values: np.ndarray, process: GaussianProcess) -> Self:
        """Fit the process of the space on (n, S) codes and (n,) values."""
        moments = np.array([values.mean(), max(values.std(), 1e-12)])
        scores = (values - moments[0]) / moments[1]
        fitted = process.fit(codes, scores)
        found = {"scales": fitted.kernel.scales, "lengths": fitted.kernel.lengths}
        return cls(space, codes, scores, moments, np.array([fitted.noise_variance]), found)

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B,)."""
        return self._fitted.predict(codes).mean * self.moments[1] + self.moments[0]

    def arrays(self) -> dict[str, np.ndarray]:
        """All but the space, to be kept."""
        own = {name: getattr(self, name) for name in ("codes", "scores", "moments", "noise")}
        return own | {_KERNEL + name: value for name, value in self.hyperparameters.items()}

    @classmethod
    def of_arrays(cls, space: SearchSpace, arrays: dict[str, np.ndarray]) -> Self:
        """What ``arrays`` gave; raises KeyError where something is missing."""
        codes, scores, moments, noise = (arrays[name] for name in ("codes", "scores", "moments", "noise"))
        state = {name.removeprefix(_KERNEL): value for name, value in arrays.items() if name.startswith(_KERNEL)}
        return cls(space, codes, scores, moments, noise, _hyperparameters(state))

    @cached_property
    def _fitted(self) -> FittedProcess:
        from bonag.predictors.architecture_kernel import ArchitectureKernel
        from bonag.predictors.features import GraphFeatures
        from bonag.predictors.gp import FittedProcess

        features = GraphFeatures(self.space)
        kernel = ArchitectureKernel.of(features, self.hyperparameters["scales"], self.hyperparameters["lengths"])
        return FittedProcess(kernel, features(self.codes), self.scores, float(self.noise[0]))


def _hyperparameters(kept: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Scales (blocks, 2) and lengths (blocks,); those of GPyTorch's modules, which were kept once, are read as such."""
    if "scales" in kept:
        return kept
    terms = range(len([name for name in kept if name.endswith(".raw_outputscale")]))
    scales = [float(kept[f"kernels.{term}.raw_outputscale"]) for term in terms]
    lengths = [kept[f"kernels.{term}.base_kernel.raw_lengthscale"].item() for term in terms if term % 2]
    # They were kept before the map to positive numbers, the softplus.
    return {"scales": np.logaddexp(0, scales).reshape(-1, 2), "lengths": np.logaddexp(0, lengths)}
