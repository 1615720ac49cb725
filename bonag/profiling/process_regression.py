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
        state = {name: value.numpy() for name, value in fitted.kernel.module.state_dict().items()}
        return cls(space, codes, scores, moments, np.array([fitted.noise_variance]), state)

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
        return cls(space, codes, scores, moments, noise, state)

    @cached_property
    def _fitted(self) -> FittedProcess:
        import torch

        from bonag.predictors.features import GraphFeatures
        from bonag.predictors.gp import ArchitectureKernel, FittedProcess, architecture_kernel

        features = GraphFeatures(self.space)
        module = architecture_kernel(features).double()
        module.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in self.hyperparameters.items()})
        kernel = ArchitectureKernel(features, module)
        return FittedProcess(kernel, features(self.codes), self.scores, float(self.noise[0]))
