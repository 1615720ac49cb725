"""Whether constraints are met: of counted metrics yes or no, of learned ones a probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import log_ndtr

from bonag.acquisition.metric_models import MetricModel
from loops.objective import Constraint
from loops.protocols import Prediction


def log_feasibility(
    constraints: Sequence[Constraint],
    models: Mapping[str, MetricModel],
    beliefs: Mapping[str, Prediction],
) -> np.ndarray:
    """log P(all constraints are met), the metrics being independent Gaussians on their scores: (B,).

    beliefs: of every metric the scores of B architectures. What is counted and breaks a bound has no probability; it is
    told apart by how far it breaks it.
    """
    total = np.zeros(len(next(iter(beliefs.values())).mean))
    for constraint in constraints:
        model, belief = models[constraint.metric], beliefs[constraint.metric]
        slack = _slack(constraint, model, belief.mean)
        log_probability = log_ndtr(slack / belief.stddev)
        total += np.where(slack >= 0, 0.0, log_probability) if model.exact else log_probability
    return total


def meets(
    constraints: Sequence[Constraint], models: Mapping[str, MetricModel], scores: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Whether (k,) scores of every metric meet all constraints: (k,) bool."""
    met = [_slack(constraint, models[constraint.metric], scores[constraint.metric]) >= 0 for constraint in constraints]
    return np.all(met, axis=0) if met else np.ones(len(next(iter(scores.values()))), dtype=bool)


def _slack(constraint: Constraint, model: MetricModel, scores: np.ndarray) -> np.ndarray:
    """How far scores are from breaking the bound, in scores."""
    return model.sign * constraint.sign * (scores - bound_score(constraint, model))


def bound_score(constraint: Constraint, model: MetricModel) -> float:
    """The bound in scores, past the trials that touch it: see ``Constraint.past_ties``. Counts need no such help."""
    bound = constraint.bound if model.exact else constraint.past_ties(model.sign * model.scale.values)
    return float(model.scale.to_scores(model.sign * bound))
