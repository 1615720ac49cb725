"""From the evaluated architectures to a fitted model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gpytorch
import numpy as np
import torch
from botorch.models import SingleTaskGP

from bonag.predictors.ensemble import MEMBERS, GraphEnsemble, fit_ensemble
from bonag.predictors.features import GraphFeatures
from bonag.predictors.gp import fit_hyperparameters, leave_one_out, make_gp
from bonag.predictors.mixture import ArchitectureModel, stacking_weight
from bonag.predictors.schedule import prefix
from bonag.predictors.targets import TAILS, log_slopes, model_scores
from search_spaces import SearchSpace

# Hyperparameters are fitted anew whenever the history has grown by the first share; the tail of the scores, which takes
# a fit for each, and ensembles, when it has grown by the second.
GP_GROWTH, SLOW_GROWTH = 0.08, 0.35
MAX_HYPERPARAMETER_ROWS = 256
# So many trials are enough to predict from; the time that a Gaussian process takes grows with their cube.
MAX_ROWS = 1024
MIN_ENSEMBLE_ROWS = 3 * MEMBERS


@dataclass
class ModelFitter:
    """Fits an ``ArchitectureModel`` to evaluated architectures: a pure function of them.

    predictor: ``gp``; ``ensemble``, from MIN_ENSEMBLE_ROWS architectures on, before that the Gaussian process; or
    ``mixture`` of both, by stacking.

    What is expensive (the hyperparameters, the tail of the scores, the ensemble) is fitted on a prefix of the history,
    whose length follows from the history's length alone. The last such fits are remembered by the data that they were
    made from; forgetting them costs time and changes nothing.
    """

    space: SearchSpace
    predictor: str = "gp"
    device: str = "cpu"
    _memory: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.features = GraphFeatures(self.space)

    def fit(self, codes: np.ndarray, values: np.ndarray) -> ArchitectureModel:
        """codes: (n, S) codes in the order of evaluation. values: (n,), larger is better."""
        rows = prefix(len(values), SLOW_GROWTH)
        tail = self._likeliest_tail(codes[:rows], values[:rows])
        targets = model_scores(values, tail)
        used = _informative(values, MAX_ROWS)
        model = make_gp(self.features, torch.from_numpy(self.features(codes[used])), torch.from_numpy(targets[used]))
        model.load_state_dict(self._hyperparameters(codes, values, tail))
        model.eval()
        if self.predictor == "gp" or rows < MIN_ENSEMBLE_ROWS:
            return ArchitectureModel(self.features, model, tail=tail)
        ensemble, weight = self._weighted_ensemble(codes[:rows], values[:rows], tail)
        # Both scales rank the same values, so a line between them is nearly exact.
        old, new = model_scores(values[:rows], tail), targets[:rows]
        factor = float((old * (new - new.mean())).sum() / max((old**2).sum(), 1e-12))
        return ArchitectureModel(self.features, model, ensemble, weight, (factor, float(new.mean())), tail=tail)

    def imagined(self, model: ArchitectureModel, codes: np.ndarray) -> ArchitectureModel:
        """The model as if the (k, S) codes had been evaluated, with the result that it expects of them."""
        gp = model.gp
        expected, _ = model.predict(codes)
        X = torch.cat([gp.train_inputs[0], torch.from_numpy(self.features(codes))])
        more = make_gp(self.features, X, torch.cat([gp.train_targets, torch.from_numpy(expected)]))
        more.load_state_dict(gp.state_dict())
        more.eval()
        return ArchitectureModel(
            self.features,
            more,
            model.ensemble,
            model.ensemble_weight,
            model.rescale,
            model.before or model,
            model.tail,
        )

    def _likeliest_tail(self, codes: np.ndarray, values: np.ndarray) -> float:
        """Of all tails of the scores, the one under which the values are the likeliest.

        A warped Gaussian process (Snelson et al., 2003).
        """
        chosen = _informative(values, MAX_HYPERPARAMETER_ROWS)
        codes, values = codes[chosen], values[chosen]

        def log_likelihood(tail: float) -> float:
            return self._fit_gp(codes, values, tail)[1] + log_slopes(values, tail)

        return self._remembered(("tail", codes.tobytes(), values.tobytes()), lambda: max(TAILS, key=log_likelihood))

    def _hyperparameters(self, codes: np.ndarray, values: np.ndarray, tail: float) -> dict[str, torch.Tensor]:
        rows = prefix(len(values), GP_GROWTH)
        chosen = _informative(values[:rows], MAX_HYPERPARAMETER_ROWS)
        codes, values = codes[chosen], values[chosen]
        return self._remembered(
            ("gp", codes.tobytes(), values.tobytes(), tail), lambda: self._fit_gp(codes, values, tail)[0].state_dict()
        )

    def _fit_gp(self, codes: np.ndarray, values: np.ndarray, tail: float) -> tuple[SingleTaskGP, float]:
        """The Gaussian process on the scores, and how likely they are, as ``fit_hyperparameters`` gives it."""
        X, y = torch.from_numpy(self.features(codes)), torch.from_numpy(model_scores(values, tail))
        model = make_gp(self.features, X, y)
        with gpytorch.settings.max_cholesky_size(100_000):
            return model, fit_hyperparameters(model)

    def _weighted_ensemble(self, codes: np.ndarray, values: np.ndarray, tail: float) -> tuple[GraphEnsemble, float]:
        def fit() -> tuple[GraphEnsemble, float]:
            targets = model_scores(values, tail)
            ensemble = fit_ensemble(self.space, codes, targets, seed=len(values), device=self.device)
            if self.predictor == "ensemble":
                return ensemble, 1.0
            chosen = _informative(values, MAX_HYPERPARAMETER_ROWS)
            gp, _ = self._fit_gp(codes[chosen], values[chosen], tail)
            weight = stacking_weight(targets[chosen], leave_one_out(gp)[0], ensemble.held_out[0][chosen])
            return ensemble, weight

        return self._remembered(("ensemble", codes.tobytes(), values.tobytes()), fit)

    def _remembered(self, key: tuple[Any, ...], compute: Any) -> Any:
        if key not in self._memory:
            for old in [other for other in self._memory if other[0] == key[0]]:
                del self._memory[old]
            self._memory[key] = compute()
        return self._memory[key]


def _informative(values: np.ndarray, most: int) -> np.ndarray:
    """At most so many rows, in order: the better half of them the best, the others evenly spread."""
    if len(values) <= most:
        return np.arange(len(values))
    order = np.argsort(-values, kind="stable")
    half = most // 2
    rest = np.sort(order[half:])
    spread = rest[np.linspace(0, len(rest) - 1, most - half).round().astype(int)]
    return np.sort(np.concatenate([order[:half], spread]))
