"""Latency as a sum over sites: ridge regression on what each site holds, and on exact costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

# Penalties to choose from, for each measured network.
PENALTIES = np.logspace(-6, 1, 29)


@dataclass(frozen=True, eq=False)
class SiteRegression:
    """y = intercept + inputs . weights, where the inputs are one-hots of all sites and the costs, scaled.

    sizes: (S,) classes of each site. centre, scale, weights: (D,). intercept: ().
    """

    sizes: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercept: np.ndarray

    @classmethod
    def fit(cls, codes: np.ndarray, costs: np.ndarray, values: np.ndarray, sizes: np.ndarray) -> Self:
        """Fit on (n, S) codes, (n, C) costs and (n,) values, with the penalty of the least leave-one-out error.

        The one-hots together count as much as each cost. Hastie, Tibshirani and Friedman (2009), section 7.10.
        """
        inputs = _inputs(codes, costs, sizes)
        centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
        hot = slice(0, inputs.shape[1] - costs.shape[1])
        spread[hot] = np.sqrt((spread[hot] ** 2).sum())
        scale = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1), 0.0)
        scaled, intercept = (inputs - centre) * scale, values.mean()
        left, singular, right = np.linalg.svd(scaled, full_matrices=False)
        targets = left.T @ (values - intercept)

        def left_out_error(penalty: float) -> float:
            shrink = singular**2 / (singular**2 + penalty)
            leverage = (left**2) @ shrink + 1 / len(values)
            residuals = values - intercept - left @ (shrink * targets)
            return float(np.mean((residuals / np.maximum(1 - leverage, 1e-9)) ** 2))

        best = min(PENALTIES * len(values), key=left_out_error)
        weights = right.T @ (targets * singular / (singular**2 + best))
        return cls(sizes, centre, scale, weights, np.array(intercept))

    def predict(self, codes: np.ndarray, costs: np.ndarray) -> np.ndarray:
        """(B, S) codes and (B, C) costs -> (B,)."""
        return (_inputs(codes, costs, self.sizes) - self.centre) * self.scale @ self.weights + self.intercept

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, to be kept."""
        return {"sizes": self.sizes} | {
            name: getattr(self, name) for name in ("centre", "scale", "weights", "intercept")
        }


def _inputs(codes: np.ndarray, costs: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    hot = [codes[:, site, None] == np.arange(size) for site, size in enumerate(sizes)]
    return np.concatenate([*hot, costs], axis=1).astype(np.float64)
