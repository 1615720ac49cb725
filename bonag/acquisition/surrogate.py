"""From a history to an acquisition function over codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from bonag.acquisition.functions import make_acquisition
from bonag.predictors.fitting import ModelFitter
from bonag.predictors.mixture import ArchitectureModel
from search_spaces import SearchSpace


class PosteriorAcquisition:
    """The acquisition of a fitted model; ``after`` is the same as if more had been evaluated."""

    def __init__(self, fitter: ModelFitter, model: ArchitectureModel, name: str, seed: int) -> None:
        self._fitter, self.model, self._name, self._seed = fitter, model, name, seed
        # The best score that was seen. What the model believes of it is less, the noisier it takes trials to be; to
        # improve on that alone would be to stay where the search is already.
        self._function = make_acquisition(name, model, float(model.gp.train_targets.max()), seed)

    @torch.no_grad()
    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B,) acquisition values, larger is better."""
        return self._function(torch.from_numpy(codes.astype(np.float64))[:, None]).double().numpy()

    def after(self, codes: np.ndarray) -> PosteriorAcquisition:
        """The acquisition once the (k, S) codes are evaluated and turn out as expected (kriging believer,
        Ginsbourger et al., 2010)."""
        if len(codes) == 0:
            return self
        return PosteriorAcquisition(self._fitter, self._fitter.imagined(self.model, codes), self._name, self._seed)

    def note(self) -> dict[str, float]:
        """What a trial's provenance should say of the model."""
        return {"ensemble_weight": round(self.model.ensemble_weight, 4)}


@dataclass
class GraphSurrogate:
    """Fits predictors on evaluated architectures and makes an acquisition function of them."""

    space: SearchSpace
    acquisition: str = "log-ei"
    predictor: str = "gp"
    device: str = "cpu"

    def __post_init__(self) -> None:
        self.fitter = ModelFitter(self.space, self.predictor, self.device)

    def fit(self, codes: np.ndarray, values: np.ndarray, seed: int) -> PosteriorAcquisition:
        """codes: (n, S) codes in the order of evaluation. values: (n,), larger is better."""
        return PosteriorAcquisition(self.fitter, self.fitter.fit(codes, values), self.acquisition, seed)
