"""bonag's predictors as an Ax adapter, so that Ax predicts and analyses with them."""

from __future__ import annotations

import copy
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

from bonag.acquisition.metric_models import MetricFitter
from bonag.acquisition.posteriors import CountedPosterior, MetricPosterior, posterior_of
from bonag.predictors.mixture import ArchitectureModel
from bonag.predictors.targets import model_scores
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
        predictor: str = "gp",
        device: str = "cpu",
    ) -> None:
        super().__init__()
        self.space, self.choices, self.signs = space, choices, signs
        self.predictor, self.models_on = predictor, device
        self.names: list[str] = []
        self.posteriors: list[MetricPosterior | CountedPosterior] = []

    def fit(
        self,
        datasets: Sequence[SupervisedDataset],
        search_space_digest: SearchSpaceDigest,
        candidate_metadata: Any = None,
    ) -> None:
        """Fit one model per metric, just as the strategy does."""
        self.names = search_space_digest.feature_names
        self.posteriors = [self._fitted(dataset) for dataset in datasets]

    def predict(self, X: Tensor, use_posterior_predictive: bool = False) -> tuple[Tensor, Tensor]:
        """X: (B, P) parameters -> means (B, m) and covariances (B, m, m), between metrics zero."""
        return self._predicted(self.posteriors, X, use_posterior_predictive)

    def cross_validate(
        self,
        datasets: Sequence[SupervisedDataset],
        X_test: Tensor,
        search_space_digest: SearchSpaceDigest,
        use_posterior_predictive: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """What models of these data would have predicted; Gaussian processes keep their hyperparameters, as in Ax."""
        posteriors = [self._held(*pair) for pair in zip(datasets, self.posteriors, strict=True)]
        return self._predicted(posteriors, X_test, use_posterior_predictive)

    def _fitted(self, dataset: SupervisedDataset) -> MetricPosterior | CountedPosterior:
        metric, codes, values, sign = self._data(dataset)
        model = MetricFitter(self.space, metric, sign, self.predictor, self.models_on).fit(codes, values)
        return posterior_of(model, values)

    def _held(
        self, dataset: SupervisedDataset, fitted: MetricPosterior | CountedPosterior
    ) -> MetricPosterior | CountedPosterior:
        if isinstance(fitted, CountedPosterior):
            return fitted
        if fitted.model.ensemble is not None:
            # An ensemble cannot forget what it was trained on.
            return self._fitted(dataset)
        _, codes, values, sign = self._data(dataset)
        features, tail = fitted.model.features, fitted.model.tail
        gp: Any = copy.deepcopy(fitted.model.gp)
        X, y = torch.from_numpy(features(codes)), torch.from_numpy(model_scores(sign * values, tail))
        gp.set_train_data(X, y, strict=False)
        return MetricPosterior.of(ArchitectureModel(features, gp, tail=tail), values, sign)

    def _data(self, dataset: SupervisedDataset) -> tuple[str, np.ndarray, np.ndarray, float]:
        """A metric's name, (n, S) codes, (n,) values and sign."""
        (metric,) = dataset.outcome_names
        return metric, self._codes(dataset.X), dataset.Y[:, 0].cpu().numpy(), self.signs.get(metric, 1.0)

    def _codes(self, X: Tensor) -> np.ndarray:
        """(B, P) parameters -> (B, S) codes."""
        rows = [dict(zip(self.names, map(round, row), strict=True)) for row in X.tolist()]
        named = [
            {name: self.choices[name][value] if name in self.choices else value for name, value in row.items()}
            for row in rows
        ]
        return self.space.codes([self.space.from_parameters(values) for values in named])

    def _predicted(
        self, posteriors: Sequence[MetricPosterior | CountedPosterior], X: Tensor, noisy: bool
    ) -> tuple[Tensor, Tensor]:
        codes = self._codes(X)
        means, variances = zip(*(posterior.predict(codes, noisy) for posterior in posteriors), strict=True)
        return torch.from_numpy(np.stack(means, axis=1)), torch.diag_embed(
            torch.from_numpy(np.stack(variances, axis=1))
        )


def predicting_adapter(
    space: SearchSpace,
    experiment: Experiment,
    data: Data,
    signs: Mapping[str, float],
    predictor: str = "gp",
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
