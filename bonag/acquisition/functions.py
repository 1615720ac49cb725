"""Acquisitions that are one line each."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtri

from loops.protocols import Prediction

UCB_BETA = 1.0


def upper_confidence_bound(prediction: Prediction, best: float) -> np.ndarray:
    """``ucb``: the mean plus the square root of UCB_BETA standard deviations, (B,)."""
    return prediction.mean + UCB_BETA**0.5 * prediction.stddev


def log_probability_of_improvement(prediction: Prediction, best: float) -> np.ndarray:
    """``pi``: log P(score > best), (B,)."""
    return log_ndtr((prediction.mean - best) / prediction.stddev)


def thompson_sampling(prediction: Prediction, best: float, uniform: np.ndarray) -> np.ndarray:
    """``thompson``: a draw for each architecture on its own, (B,) (White et al., 2021, "ITS")."""
    return prediction.mean + prediction.stddev * ndtri(uniform)
