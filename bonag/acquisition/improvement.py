"""The default acquisition: the logarithm of what an evaluation is expected to improve."""

from __future__ import annotations

import numpy as np

from bonag.acquisition.gaussian_improvement import log_expected_improvement
from bonag.acquisition.hypervolume import LogExpectedHypervolumeImprovement
from loops.protocols import Prediction


class LogExpectedImprovement:
    """``log-ei``: improvement on the best score; of several goals, on the volume that their front dominates."""

    def __call__(self, prediction: Prediction, best: float) -> np.ndarray:
        """(B,) logarithms of E[max(score - best, 0)]."""
        return log_expected_improvement(prediction, best)

    def on_front(self, front: np.ndarray, reference: np.ndarray) -> LogExpectedHypervolumeImprovement:
        """The same for m goals: see ``surrogate.ForObjectives``."""
        return LogExpectedHypervolumeImprovement(front, reference)
