"""What architectures are worth: measured where the run's evaluator is quick, else predicted from the latest trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from bonag.insight.trials import measured_trials
from loops.config import RunConfig
from loops.history import History
from loops.objective import Objective
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.acquisition.metric_models import MetricModel
    from bonag.evaluators import BatchEvaluator


@dataclass
class Truth:
    """The metrics of an objective for any architectures.

    config: None where it is not known what evaluated the trials. predictor: for metrics that cannot be measured.
    """

    space: SearchSpace
    objective: Objective
    history: History
    config: RunConfig | None
    predictor: str
    _fitted: dict[str, MetricModel | None] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._evaluator = _quick_evaluator(self.space, self.config)

    def source(self, metric: str) -> str:
        """``measured`` or ``predicted``."""
        return "measured" if self._evaluator is not None and metric in self._evaluator.metrics else "predicted"

    def values(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Each metric of the objective, in its unit: (B, M), nan where it has no value."""
        metrics = self.objective.metrics
        if not architectures:
            return np.empty((0, len(metrics)))
        found: dict[str, np.ndarray] = {}
        if self._evaluator is not None:
            found = dict(self._evaluator.evaluate_many(architectures))
        codes = self.space.codes(architectures)
        columns = [found[name] if name in found else self._predict(name, codes) for name in metrics]
        return np.stack(columns, axis=1).astype(np.float64)

    def _predict(self, metric: str, codes: np.ndarray) -> np.ndarray:
        from bonag.insight.validation import fit_model

        if metric not in self._fitted:
            data = measured_trials(self.space, self.objective, self.history, metric)
            self._fitted[metric] = fit_model(data, self.predictor) if len(data) else None
        model = self._fitted[metric]
        return np.full(len(codes), np.nan) if model is None else model.predict_values(codes).mean


def _quick_evaluator(space: SearchSpace, config: RunConfig | None) -> BatchEvaluator | None:
    """The run's evaluator where it computes its numbers rather than training networks, and can be had here."""
    # A part of the user's own is not run, nor its module imported, for the sake of a page.
    if config is None or ":" in config.evaluator:
        return None
    from bonag.evaluators import make_evaluator

    try:
        evaluator = make_evaluator(space, config.evaluator, config.task, Path(config.data) if config.data else None)
    except UserError:
        return None
    return cast("BatchEvaluator", evaluator) if hasattr(evaluator, "evaluate_many") else None
