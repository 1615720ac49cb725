"""An acquisition."""

from __future__ import annotations

import numpy as np

from loops.protocols import Prediction


def optimistic(prediction: Prediction, best: float) -> np.ndarray:
    """How far two standard deviations above the mean lie above the best."""
    return prediction.mean + 2 * prediction.stddev - best
