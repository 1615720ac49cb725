"""The Weisfeiler-Lehman subtree kernel (Shervashidze et al., 2011) between architecture graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from bonag.remembered import Remembered
from bonag.strategies.live_graph import live_graphs
from search_spaces import SearchSpace

MAX_DEPTH = 2
# Labels are hashed, as unsigned integers of 64 bits: two different ones meet with probability 1e-19.
FIRST, SECOND, THIRD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
REMEMBERED = 4


class WeisfeilerLehman:
    """k(a, b) = <counts of a, counts of b>, where the counts are those of the labels up to ``depth`` in the live graph.

    A node's label of depth 0 is its operation; that of depth d is its label of depth d - 1 together with those of the
    nodes that it leads to. ``normalised`` divides by the square root of k(a, a) k(b, b).
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        # What the labels of an array of codes are never changes; the whole of a space comes again and again.
        self._remembered = Remembered[np.ndarray](REMEMBERED)

    def labels(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (MAX_DEPTH + 1, B, N) uint64; 0 where a node is not live."""
        return self._remembered.get(codes, compute=lambda: self._labels_of(codes))

    def _labels_of(self, codes: np.ndarray) -> np.ndarray:
        space, codes = self.space.seen_as or self.space, self.space.seen(codes)
        live, edges = live_graphs(space, codes)
        label = _mix(codes[:, : space.num_nodes].astype(np.uint64) + np.uint64(1))
        levels = [np.where(live, label, np.uint64(0))]
        for _ in range(MAX_DEPTH):
            # A multiset is hashed as the sum of its members' hashes.
            around = (edges.astype(np.uint64) @ _mix(levels[-1] + FIRST)[..., None])[..., 0]
            levels.append(np.where(live, _mix(levels[-1] * THIRD + around), np.uint64(0)))
        return np.stack(levels)

    def matrix(self, a: np.ndarray, b: np.ndarray, depth: int, normalised: bool = True) -> np.ndarray:
        """(n, S) and (m, S) codes -> (n, m) float64."""
        left, right = self.labels(a)[: depth + 1], self.labels(b)[: depth + 1]
        few, many, turned = (left, right, False) if len(a) <= len(b) else (right, left, True)
        result = sum(
            (_counts(of_many, words) @ _counts(of_few, words).T.toarray()).T
            for of_few, of_many in zip(few, many, strict=True)
            for words in [np.unique(of_few[of_few > 0])]
        )
        result = np.asarray(result.T if turned else result, dtype=np.float64)
        if not normalised:
            return result
        return result / np.sqrt(np.outer(_own(left), _own(right)))


def _mix(x: Any) -> Any:
    """The finaliser of SplitMix64 (Steele et al., 2014): every bit of the result depends on every bit of x."""
    x = (x ^ (x >> np.uint64(30))) * SECOND
    x = (x ^ (x >> np.uint64(27))) * THIRD
    return x ^ (x >> np.uint64(31))


def _counts(labels: np.ndarray, words: np.ndarray) -> sparse.csr_array:
    """How often each of the sorted words occurs in each graph: (B, N) -> (B, W)."""
    place = np.minimum(np.searchsorted(words, labels), len(words) - 1)
    rows, nodes = np.nonzero(words[place] == labels)
    ones = np.ones(len(rows))
    return sparse.csr_array((ones, (rows, place[rows, nodes])), shape=(len(labels), len(words)))


def _own(levels: np.ndarray) -> np.ndarray:
    """k(a, a): (D, B, N) labels -> (B,)."""
    same = (levels[:, :, :, None] == levels[:, :, None, :]) & (levels > 0)[:, :, :, None]
    return same.sum(axis=(0, 2, 3)).astype(np.float64)
