"""A predictor."""

from __future__ import annotations

import numpy as np

from loops.protocols import Prediction
from search_spaces import SearchSpace


class Ridge:
    """Bayesian linear regression on one-hot sites, with prior variance 1 and noise variance 0.1."""

    def __init__(self, space: SearchSpace) -> None:
        self.classes = int(space.site_classes.max())

    def fit(self, codes: np.ndarray, scores: np.ndarray) -> Ridge:
        """codes: (n, S). scores: (n,)."""
        X = self.features(codes)
        self.covariance = np.linalg.inv(X.T @ X / 0.1 + np.eye(X.shape[1]))
        self.weights = self.covariance @ X.T @ scores / 0.1
        return self

    def predict(self, codes: np.ndarray) -> Prediction:
        """(B, S) codes -> (B,) means and standard deviations."""
        X = self.features(codes)
        return Prediction(X @ self.weights, np.sqrt(np.einsum("bi,ij,bj->b", X, self.covariance, X)))

    def features(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, S * K)."""
        return np.eye(self.classes)[codes].reshape(len(codes), -1)
