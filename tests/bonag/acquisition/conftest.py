"""A fitted model of real architectures, and what it says of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from bonag.predictors.fitting import ModelFitter
from bonag.predictors.mixture import ArchitectureModel
from search_spaces import SearchSpace, get_space


@dataclass(frozen=True)
class Fitted:
    """A model, what it was fitted on, and its predictions for architectures that it has not seen."""

    space: SearchSpace
    fitter: ModelFitter
    model: ArchitectureModel
    seen: np.ndarray
    values: np.ndarray
    unseen: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    @property
    def X(self) -> torch.Tensor:
        """The unseen ones as BoTorch takes them: (B, 1, N)."""
        return torch.from_numpy(self.unseen.astype(np.float64))[:, None]


@pytest.fixture(scope="session")
def fitted() -> Fitted:
    space = get_space("nb201")
    architectures = list(dict.fromkeys(space.sample(200, np.random.default_rng(0))))
    ops = space.codes(architectures)
    values = np.array([float(space.costs(a).macs) for a in architectures[:30]])
    fitter = ModelFitter(space)
    model = fitter.fit(ops[:30], values)
    return Fitted(space, fitter, model, ops[:30], values, ops[30:], *model.predict(ops[30:]))
