"""From the metrics of a history to an acquisition for several goals, for constraints, and for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from bonag.acquisition.constrained import log_feasibility, meets
from bonag.acquisition.hypervolume import LogExpectedHypervolumeImprovement
from bonag.acquisition.improvement import log_expected_improvement
from bonag.acquisition.metric_models import MetricFitter, MetricModel
from loops.objective import Objective
from search_spaces import SearchSpace

# How far the reference point lies below the worst of each goal, in scores.
BELOW_WORST = 1.0


@dataclass(frozen=True)
class ObjectiveAcquisition:
    """The log of the expected improvement, plus the log of the probability that all constraints are met.

    One goal: improvement on the best value seen that meets the constraints (Gardner et al.,
    2014, "Bayesian Optimization with Inequality Constraints"; BoTorch's LogConstrainedExpectedImprovement). Several:
    that of the volume that the front dominates, on the models' scale of scores, where no goal outweighs another
    because of its unit; the reference point lies one standard deviation of these below the worst of every goal that any
    trial has, so that the ends of the front count too. While no trial meets the constraints, the probability stands
    alone.

    models: by metric, in the order of the objective's. scores: (n, M) of each metric, of n trials.
    feasible: (n,), which of them meet the constraints.
    """

    objective: Objective
    models: Mapping[str, MetricModel]
    scores: np.ndarray
    feasible: np.ndarray

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B,) acquisition values, larger is better."""
        beliefs = {metric: model.predict(codes) for metric, model in self.models.items()}
        total = log_feasibility(self.objective.constraints, self.models, beliefs)
        if self.feasible.any():
            goals = [beliefs[goal.metric] for goal in self.objective.goals]
            total = total + self._improvement(
                np.stack([mean for mean, _ in goals], axis=1), np.stack([spread for _, spread in goals], axis=1)
            )
        return total

    def after(self, codes: np.ndarray) -> ObjectiveAcquisition:
        """The acquisition once the (k, S) codes are evaluated and turn out as expected (kriging believer,
        Ginsbourger et al., 2010)."""
        if len(codes) == 0:
            return self
        expected = {metric: model.predict(codes)[0] for metric, model in self.models.items()}
        return ObjectiveAcquisition(
            self.objective,
            {metric: model.after(codes) for metric, model in self.models.items()},
            np.concatenate([self.scores, np.stack(list(expected.values()), axis=1)]),
            np.concatenate([self.feasible, meets(self.objective.constraints, self.models, expected)]),
        )

    def note(self) -> dict[str, int]:
        """What a trial's provenance should say of what was known: how many trials met the constraints."""
        return {"feasible": int(self.feasible.sum())} if self.objective.constraints else {}

    def _improvement(self, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
        if len(self.objective.goals) > 1:
            return self._volume(mean, spread)
        # The goals are the first of the metrics.
        best = float(self.scores[self.feasible, 0].max())
        return log_expected_improvement(torch.from_numpy(mean), torch.from_numpy(spread), best)[:, 0].numpy()

    @cached_property
    def _volume(self) -> LogExpectedHypervolumeImprovement:
        scores = self.scores[:, : len(self.objective.goals)]
        return LogExpectedHypervolumeImprovement(scores[self.feasible], scores.min(axis=0) - BELOW_WORST)


@dataclass
class ObjectiveSurrogate:
    """Fits a model to every metric of an objective, and makes an acquisition function of them."""

    space: SearchSpace
    objective: Objective
    predictor: str = "gp"
    device: str = "cpu"

    def __post_init__(self) -> None:
        signs = {constraint.metric: constraint.sign for constraint in self.objective.constraints}
        signs |= {goal.metric: goal.sign for goal in self.objective.goals}
        self._fitters = [
            MetricFitter(self.space, metric, signs[metric], self.predictor, self.device)
            for metric in self.objective.metrics
        ]

    def fit_metrics(self, codes: np.ndarray, values: np.ndarray, seed: int) -> ObjectiveAcquisition:
        """codes: (n, S) codes in the order of evaluation. values: (n, M) of the objective's metrics, as measured.

        Nothing is drawn at random, so the seed plays no part.
        """
        models = {f.metric: f.fit(codes, column) for f, column in zip(self._fitters, values.T, strict=True)}
        scores = [
            models[f.metric].scale.to_scores(f.sign * column) for f, column in zip(self._fitters, values.T, strict=True)
        ]
        feasible = np.ones(len(codes), dtype=bool)
        for constraint in self.objective.constraints:
            feasible &= constraint.slack(values[:, self.objective.metrics.index(constraint.metric)]) >= 0
        return ObjectiveAcquisition(self.objective, models, np.stack(scores, axis=1), feasible)
