"""What the networks of BANANAS see of an architecture."""

from __future__ import annotations

import numpy as np

from bonag.predictors.live_paths import count_paths, list_paths
from bonag.remembered import Remembered
from search_spaces import SearchSpace

# Where there are more paths to tell apart than this, one-hots take their place.
MAX_PATHS = 5_000


class PathEncoding:
    """Codes -> which sequences of operations occur on a path from the input to the output: (B, P) of 0 and 1.

    White et al. (2021), section 3. Paths are truncated: those of the greatest length, of which there are the most, are
    left out, as in the authors' encoding of NAS-Bench-201 (30 of its 155 paths). Every operation is a letter, ``none``
    and ``skip_connect`` too, as there. Where the topology is not fixed, is a chain, or has too many paths, the one-hot
    encoding of the sites, as of adjacency and operations, which the authors use elsewhere.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._own = space
        self.space = space = space.seen_as or space
        self._sites = np.flatnonzero(space.fixed_ops < 0)
        self._letters = np.setdiff1d(np.arange(len(space.op_names)), space.fixed_ops)
        self._paths = _list_truncated(space) if len(space.free_edges) == 0 else []
        lengths = sorted({len(path) for path in self._paths})
        width = {length: len(self._letters) ** length for length in lengths}
        if sum(width.values()) > MAX_PATHS:
            self._paths = []
        self._offset = {length: sum(width[other] for other in lengths if other < length) for length in lengths}
        self._width = sum(width.values())
        self._remembered = Remembered[np.ndarray](4)

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, P) float32."""
        return self._remembered.get(codes, compute=lambda: self._encode(self._own.seen(codes)))

    def _encode(self, codes: np.ndarray) -> np.ndarray:
        if not self._paths:
            nodes = codes[:, self._sites, None] == self._letters
            edges = codes[:, self.space.num_nodes :]
            return np.concatenate([nodes.reshape(len(codes), -1), edges], axis=1).astype(np.float32)
        result = np.zeros((len(codes), self._width), dtype=np.float32)
        letters = np.searchsorted(self._letters, codes)
        for path in self._paths:
            spelled = np.zeros(len(codes), dtype=np.int64)
            for node in path:
                spelled = spelled * len(self._letters) + letters[:, node]
            result[np.arange(len(codes)), self._offset[len(path)] + spelled] = 1
        return result


def _list_truncated(space: SearchSpace) -> list[list[int]]:
    """The free nodes of every path from a source to a sink but the longest ones; none where all are equally long."""
    if count_paths(space.adjacency) > MAX_PATHS:
        return []
    paths = [[node for node in path if space.fixed_ops[node] < 0] for path in list_paths(space.adjacency)]
    longest = max(map(len, paths))
    return sorted((path for path in paths if len(path) < longest), key=lambda path: (len(path), path))
