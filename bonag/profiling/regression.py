"""Latency as a sum over sites: ridge regression on what each site holds, and on exact costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from search_spaces import SearchSpace

# Penalties to choose from, for each measured network.
PENALTIES = np.logspace(-6, 1, 29)


@dataclass(frozen=True, eq=False)
class SiteRegression:
    """y = intercept + inputs . weights.

    The inputs are what each site holds: the one-hot form of its class, or where operations have attributes (kernel,
    width, ...) that of each attribute, which shares what is learnt between operations; and the costs.

    table: (S, K, D) what a class adds to the inputs of a site. centre, scale, weights: (D + C,). intercept: (1,).
    """

    table: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercept: np.ndarray

    @classmethod
    def fit(cls, space: SearchSpace, codes: np.ndarray, costs: np.ndarray, values: np.ndarray) -> Self:
        """Fit on (n, S) codes, (n, C) costs and (n,) values, with the penalty of the least leave-one-out error.

        What sites hold counts as much, together, as each cost. Hastie, Tibshirani and Friedman (2009), section 7.10.
        """
        table = _table(space)
        inputs = _inputs(table, codes, costs)
        centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
        held = slice(0, table.shape[2])
        spread[held] = np.sqrt((spread[held] ** 2).sum())
        scale = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1), 0.0)
        intercept = values.mean()
        left, singular, right = np.linalg.svd((inputs - centre) * scale, full_matrices=False)
        targets = left.T @ (values - intercept)

        def left_out_error(penalty: float) -> float:
            shrink = singular**2 / (singular**2 + penalty)
            leverage = (left**2) @ shrink + 1 / len(values)
            residuals = values - intercept - left @ (shrink * targets)
            return float(np.mean((residuals / np.maximum(1 - leverage, 1e-9)) ** 2))

        best = min(PENALTIES * len(values), key=left_out_error)
        weights = right.T @ (targets * singular / (singular**2 + best))
        return cls(table, centre, scale, weights, np.array([intercept]))

    def predict(self, codes: np.ndarray, costs: np.ndarray) -> np.ndarray:
        """(B, S) codes and (B, C) costs -> (B,)."""
        return (_inputs(self.table, codes, costs) - self.centre) * self.scale @ self.weights + self.intercept

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, to be kept."""
        return {name: getattr(self, name) for name in ("table", "centre", "scale", "weights", "intercept")}


def _table(space: SearchSpace) -> np.ndarray:
    """(S, K, D) float64: for each class of each site, its columns among the D of all sites."""
    blocks = []
    for site, classes in enumerate(map(np.flatnonzero, space.allowed)):
        attributes = space.op_attributes if site < space.num_nodes else None
        numbers = np.arange(space.allowed.shape[1])[:, None] if attributes is None else attributes
        # Operations that attributes do not tell apart are told apart by their classes.
        if len(np.unique(numbers[classes], axis=0)) < len(classes):
            numbers = np.arange(len(numbers))[:, None]
        hot = [numbers[:, [column]] == np.unique(numbers[classes, column]) for column in range(numbers.shape[1])]
        blocks.append(np.concatenate(hot, axis=1)[: space.allowed.shape[1]])
    table = np.zeros((len(blocks), space.allowed.shape[1], sum(block.shape[1] for block in blocks)))
    start = 0
    for site, block in enumerate(blocks):
        table[site, : len(block), start : start + block.shape[1]] = block
        start += block.shape[1]
    return table


def _inputs(table: np.ndarray, codes: np.ndarray, costs: np.ndarray) -> np.ndarray:
    held = table[np.arange(codes.shape[1]), codes].sum(axis=1)
    return np.concatenate([held, costs], axis=1)
