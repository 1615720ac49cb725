"""bonag's predictors as an Ax adapter, so that Ax predicts and analyses with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from ax.adapter.torch import TorchAdapter
from ax.adapter.transforms.choice_encode import ChoiceToNumericChoice
from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.search_space import SearchSpaceDigest
from ax.generators.torch_base import TorchGenerator
from botorch.utils.datasets import SupervisedDataset
from torch import Tensor

from bonag.acquisition.metric_models import MetricFitter, MetricModel
from bonag.roles import PREDICTORS
from loops.protocols import Predictor
from search_spaces import SearchSpace


class BonagPredictor(TorchGenerator):
    """What bonag's strategy knows of each metric, as Ax asks for it; it generates nothing.

    choices: of each parameter, the values that Ax numbers from 0, where it numbers them (strings).
    signs: by metric, -1 for those that are better when smaller.
    """

    def __init__(
        self,
        space: SearchSpace,
        choices: Mapping[str, Sequence[str]],
        signs: Mapping[str, float],
        predictor: Predictor | str = "gp",
        device: str = "cpu",
    ) -> None:
        super().__init__()
        self.space, self.choices, self.signs = space, choices, signs
        known = {"space": lambda: space, "device": lambda: device}
        self.predictor: Predictor = PREDICTORS.make(predictor, known)
        self.names: list[str] = []
        self.models: list[MetricModel] = []

    def fit(
        self,
        datasets: Sequence[SupervisedDataset],
        search_space_digest: SearchSpaceDigest,
        candidate_metadata: Any = None,
    ) -> None:
        """Fit one model per metric, just as the strategy does."""
        self.names = search_space_digest.feature_names
        self.models = [self._fit_dataset(dataset) for dataset in datasets]

    def predict(self, X: Tensor, use_posterior_predictive: bool = False) -> tuple[Tensor, Tensor]:
        """X: (B, P) parameters -> means (B, m) and covariances (B, m, m), between metrics zero."""
        return self._predict_metrics(self.models, X, use_posterior_predictive)

    def cross_validate(
        self,
        datasets: Sequence[SupervisedDataset],
        X_test: Tensor,
        search_space_digest: SearchSpaceDigest,
        use_posterior_predictive: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """What models of these data would have predicted; Gaussian processes keep their hyperparameters, as in Ax."""
        models = [
            model.condition(*self._data(dataset)[1:]) for dataset, model in zip(datasets, self.models, strict=True)
        ]
        return self._predict_metrics(models, X_test, use_posterior_predictive)

    def _fit_dataset(self, dataset: SupervisedDataset) -> MetricModel:
        metric, codes, values = self._data(dataset)
        return MetricFitter(self.space, metric, self.signs.get(metric, 1.0), self.predictor).fit(codes, values)

    def _data(self, dataset: SupervisedDataset) -> tuple[str, np.ndarray, np.ndarray]:
        """A metric's name, (n, S) codes and (n,) values."""
        (metric,) = dataset.outcome_names
        return metric, self._codes(dataset.X), dataset.Y[:, 0].cpu().numpy()

    def _codes(self, X: Tensor) -> np.ndarray:
        """(B, P) parameters -> (B, S) codes."""
        rows = [dict(zip(self.names, map(round, row), strict=True)) for row in X.tolist()]
        named = [
            {name: self.choices[name][value] if name in self.choices else value for name, value in row.items()}
            for row in rows
        ]
        return self.space.codes([self.space.from_parameters(values) for values in named])

    def _predict_metrics(self, models: Sequence[MetricModel], X: Tensor, noisy: bool) -> tuple[Tensor, Tensor]:
        codes = self._codes(X)
        predictions = [model.predict_values(codes, noisy) for model in models]
        means = np.stack([prediction.mean for prediction in predictions], axis=1)
        variances = np.stack([prediction.stddev**2 for prediction in predictions], axis=1)
        return torch.from_numpy(means), torch.diag_embed(torch.from_numpy(variances))


def predicting_adapter(
    space: SearchSpace,
    experiment: Experiment,
    data: Data,
    signs: Mapping[str, float],
    predictor: Predictor | str = "gp",
    device: str = "cpu",
) -> TorchAdapter:
    """An Ax adapter that is fitted on the data and predicts every metric of theirs with bonag's predictor."""
    # As the parameters of the experiment order their values, so Ax numbers them.
    choices = {
        name: list(parameter.values)  # type: ignore[attr-defined]
        for name, parameter in experiment.search_space.parameters.items()
        if not parameter.is_numeric
    }
    generator = BonagPredictor(space, choices, signs, predictor, device)
    return TorchAdapter(
        experiment=experiment, generator=generator, data=data, transforms=[ChoiceToNumericChoice], torch_device=None
    )
