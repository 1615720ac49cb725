"""What a data set looks like, in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Statistics of a fixed network's features of the training images, by class.

    network: which network; only fingerprints by the same one can be compared. side: of the images, in pixels, as they
    are trained with. counts: (K,) images of each class. statistics: (K, 2 + R, D) float16, of D features of a class
    their means, standard deviations, and R factors: the covariance is the sum of the factors' outer products, and on
    its diagonal, beside them, the squared standard deviations.

    Raises ValueError where these do not fit each other.
    """

    network: str
    side: int
    counts: np.ndarray
    statistics: np.ndarray

    def __post_init__(self) -> None:
        classes, whole = len(self.counts), self.counts.ndim == 1 and self.statistics.ndim == 3
        if not whole or not classes or len(self.statistics) != classes or self.statistics.shape[1] < 2:
            raise ValueError(f"{classes} classes and statistics of shape {self.statistics.shape}")
        if not (np.isfinite(self.statistics).all() and np.isfinite(self.counts).all()):
            raise ValueError("its statistics must be finite")
        if self.side < 1 or (self.counts <= 0).any() or (self.statistics[:, 1] < 0).any():
            raise ValueError("its side and counts must be positive, and its standard deviations not below 0")

    @property
    def means(self) -> np.ndarray:
        """(K, D) float64."""
        return np.asarray(self.statistics[:, 0], dtype=np.float64)

    @property
    def variances(self) -> np.ndarray:
        """(K, D) float64, the diagonals of the covariances."""
        rest = np.asarray(self.statistics[:, 1:], dtype=np.float64)
        return np.asarray((rest**2).sum(axis=1))
