"""How wide a model's predictions should be, by its errors on labels that are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bonag.predictors.posterior import ExactPosterior

# The errors of so many labels with the nearest predictions count.
NEAREST = 100
# At least: that many labels happen to lie right on their predictions proves no certainty.
LEAST_FACTOR = 0.05


@dataclass(frozen=True, eq=False)
class Calibration:
    """Factors of predicted standard deviations, which differ along the scale of a metric.

    A Gaussian process has one noise for all architectures, while measurements of quick ones may be exact.

    means: (n,) predicted scores, rising. factors: (n,), the root mean square of the errors there, in predicted
    standard deviations.
    """

    means: np.ndarray
    factors: np.ndarray

    @classmethod
    def of(cls, model: ExactPosterior) -> Self:
        """That of leaving each label out; a window around it that ends at the first or the last of them."""
        left_out = model.leave_one_out()
        order = np.argsort(left_out.mean, kind="stable")
        squares = (((model.scores - left_out.mean) / left_out.stddev) ** 2)[order]
        total, places = np.concatenate([[0.0], np.cumsum(squares)]), np.arange(len(squares))
        first, last = np.maximum(places - NEAREST // 2, 0), np.minimum(places + NEAREST // 2, len(squares))
        factors = np.sqrt((total[last] - total[first]) / (last - first))
        return cls(left_out.mean[order], np.maximum(factors, LEAST_FACTOR))

    def __call__(self, means: np.ndarray) -> np.ndarray:
        """(B,) predicted scores -> (B,) factors."""
        return np.interp(means, self.means, self.factors)
