"""Between a metric's own values and the scores that its model is fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Beyond what was observed the map goes on so many scores.
BEYOND = 50.0
# Its slope there is that over the outermost observations, this many scores wide.
OUTERMOST = 0.5


@dataclass(frozen=True)
class Scale:
    """An increasing map from values (larger is better) to scores: straight lines between knots.

    values, scores: (K,), increasing, K >= 2.
    """

    values: np.ndarray
    scores: np.ndarray

    @classmethod
    def through(cls, values: np.ndarray, scores: np.ndarray) -> Scale:
        """The map through (n,) observed values and their scores, n > 0, with straight lines beyond."""
        knots, first = np.unique(values, return_index=True)
        heights = scores[first]
        if len(knots) == 1:
            # Nothing is known of the spread: a unit of the value's own size is as good as any.
            unit = max(abs(float(knots[0])), 1.0)
            return cls(knots[0] + unit * np.array([-BEYOND, BEYOND]), heights[0] + np.array([-BEYOND, BEYOND]))
        width = min(OUTERMOST, heights[-1] - heights[0])
        low = (np.interp(heights[0] + width, heights, knots) - knots[0]) / width
        high = (knots[-1] - np.interp(heights[-1] - width, heights, knots)) / width
        return cls(
            np.concatenate([[knots[0] - BEYOND * low], knots, [knots[-1] + BEYOND * high]]),
            np.concatenate([[heights[0] - BEYOND], heights, [heights[-1] + BEYOND]]),
        )

    def to_scores(self, values: np.ndarray) -> np.ndarray:
        """The scores of values; those beyond the last knot have that one's."""
        return np.interp(values, self.values, self.scores)
