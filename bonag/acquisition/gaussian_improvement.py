"""Expected improvement on one number, as a logarithm that never vanishes."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfcx, ndtr

from loops.protocols import Prediction

_LOG_DENSITY = 0.5 * math.log(2 * math.pi)
# Below this many standard deviations, what is left of 1 - sqrt(pi / 2) |u| erfcx(|u| / sqrt 2) is 1 / u^2.
FAR = -1e3


def log_expected_improvement(prediction: Prediction, best: np.ndarray | float) -> np.ndarray:
    """log E[max(Y - best, 0)] of Gaussians: (B,). best: one for all, or (B,).

    It is log(stddev) + log h(u) with u = (mean - best) / stddev and h(u) = density(u) + u P(u), of which below u = -1

        log h(u) = log density(u) + log(1 - sqrt(pi / 2) |u| erfcx(|u| / sqrt 2)),

    where nothing cancels to zero (after Ament et al., 2023, "Unexpected Improvements to Expected Improvement for
    Bayesian Optimization").
    """
    u = (prediction.mean - best) / prediction.stddev
    near, far = np.maximum(u, -1.0), np.minimum(u, -1.0)
    straight = np.log(np.exp(-0.5 * near**2 - _LOG_DENSITY) + near * ndtr(near))
    inner = np.maximum(far, FAR)
    ratio = math.sqrt(math.pi / 2) * -inner * erfcx(-inner / math.sqrt(2))
    bent = np.where(far < FAR, -2 * np.log(-far), np.log1p(-ratio))
    return np.log(prediction.stddev) + np.where(u > -1, straight, -0.5 * far**2 - _LOG_DENSITY + bent)
