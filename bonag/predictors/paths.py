"""What is read off the graphs of one topology: every path from its input to its output."""

from __future__ import annotations

import numpy as np

from bonag.predictors.live_paths import list_paths
from search_spaces import SearchSpace

MAX_PATH_CODES = 509


class PathBlocks:
    """Codes of a space whose graphs share one topology -> blocks of counts, from a list of all its paths.

    The blocks ``slots``, ``totals`` and ``paths`` of ``GraphFeatures``.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._vocabulary = len(space.op_names)
        self._null = space.null_op
        described = space.op_attributes
        self._attributes = np.empty((self._vocabulary, 0)) if described is None else described
        self._described = described_ops(space)
        self._free = np.flatnonzero(space.fixed_ops < 0)
        self._paths = list_paths(space.adjacency)
        # Which nodes each path leads through, (P, N).
        self._through = np.stack([np.isin(np.arange(space.num_nodes), path) for path in self._paths]).astype(np.float64)
        transparent = {space.null_op, space.identity_op}
        fixed = set(space.fixed_ops.tolist())
        counted = [op for op in range(self._vocabulary) if op not in fixed]
        self._counted = np.array([op for op in counted if op != space.null_op])
        letters = [op for op in counted if op not in transparent]
        self._letter = np.zeros(self._vocabulary, dtype=np.int64)
        self._letter[letters] = np.arange(1, len(letters) + 1)
        self._base = len(letters) + 1
        longest = max(int((space.fixed_ops[path] < 0).sum()) for path in self._paths)
        self._path_codes = min(self._base ** min(longest, 16), MAX_PATH_CODES)

    def __call__(self, codes: np.ndarray) -> dict[str, np.ndarray]:
        """(B, S) codes, B >= 1 -> (B, D) float64 per block."""
        dead = np.zeros(codes.shape, dtype=bool) if self._null is None else codes == self._null
        passable = dead @ self._through.T == 0
        live = passable @ self._through > 0

        free_ops, free_live = codes[:, self._free], live[:, self._free]
        used = ((free_ops[..., None] == self._counted) & free_live[..., None]).sum(axis=1)
        attributes = (self._attributes[free_ops] * free_live[..., None]).sum(axis=1)
        lengths = (self._letter[codes] > 0) @ self._through.T
        longest = np.where(passable, lengths, 0).max(axis=1)
        shortest = np.where(passable, lengths, codes.shape[1]).min(axis=1)
        shortest = np.where(passable.any(axis=1), shortest, longest)
        totals = np.column_stack([used, attributes, passable.sum(axis=1), longest, shortest]).astype(np.float64)

        slots = self._described[free_ops].reshape(len(codes), -1)
        blocks = {"slots": slots, "totals": totals}
        if len(self._paths) > 1:
            blocks["paths"] = self._path_counts(codes, passable)
        return blocks

    def _path_counts(self, codes: np.ndarray, passable: np.ndarray) -> np.ndarray:
        """(B, P): how many live paths spell each sequence of letters (a number in base ``_base``, modulo P)."""
        counts = np.zeros((len(codes), self._path_codes))
        for number, path in enumerate(self._paths):
            spelled = np.zeros(len(codes), dtype=np.int64)
            for node in path:
                letter = self._letter[codes[:, node]]
                spelled = np.where(letter > 0, (spelled * self._base + letter) % self._path_codes, spelled)
            rows = np.flatnonzero(passable[:, number])
            counts[rows, spelled[rows]] += 1
        return counts


def described_ops(space: SearchSpace) -> np.ndarray:
    """How a slot shows its operation: (V, D) float64 of zeros and ones.

    Which value it has of each attribute, so that operations which share a kernel size resemble each other; where
    operations have no attributes, or the same ones, which operation it is.
    """
    one_hot = np.eye(len(space.op_names))
    if space.op_attributes is None:
        return one_hot
    attributes = space.op_attributes
    values = [(column[:, None] == np.unique(column)).astype(np.float64) for column in attributes.T]
    distinct = len(np.unique(attributes, axis=0)) == len(attributes)
    return np.concatenate(values if distinct else [*values, one_hot], axis=1)
