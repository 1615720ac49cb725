"""What a Gaussian process sees of an architecture: blocks of numbers read off its graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bonag.predictors.live_paths import count_paths
from bonag.predictors.paths import PathBlocks
from bonag.predictors.sequences import SequenceBlocks
from bonag.remembered import Remembered
from search_spaces import SearchSpace

REFERENCE_SAMPLES = 1024
MAX_PATHS = 4096
# The models of several metrics ask for the same codes one after the other, and so do fits of the same trials.
LAST, MOST_REMEMBERED = 4, 2048


class GraphFeatures:
    """Codes of a space -> feature blocks, each scaled by its spread over uniform random architectures.

    Blocks: ``slots``, the one-hot operation of every free node, or its attributes' one-hot values where operations have
    any (kernel sizes, ...), and whether each free edge is there; ``totals``, how
    often each operation is used, the sums of the operations' attributes, and the number, the longest and the shortest
    of the live paths from the input to the output; ``paths``, how often each sequence of operations occurs as a live
    path, absent where the topology is a chain and so has a single path.

    Where edges are free, or the topology has more than MAX_PATHS paths, ``sequences`` takes the place of ``paths``: how
    often two and three operations follow one another on live paths, which begin and end with the operations of the
    input and the output. Then ``totals`` holds the number of live edges as well, and the logarithm of the number of
    paths; and dead nodes and edges are blank in ``slots``. All is of the graphs that ``space.seen`` shows.

    A node is *live* if it lies on a path from a source to a sink without a null operation. Dead nodes are not counted,
    and identity operations do not lengthen a path: two graphs that compute the same get nearly the same features.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._own = space
        space = space.seen_as or space
        one_topology = len(space.free_edges) == 0
        listed = one_topology and count_paths(space.adjacency) <= MAX_PATHS
        self._raw: Callable[[np.ndarray], dict[str, np.ndarray]]
        self._raw = PathBlocks(space) if listed else SequenceBlocks(space)
        raw = self._raw(space.codes(space.sample(REFERENCE_SAMPLES, np.random.default_rng(0))))
        self._centre = {name: block.mean(axis=0) for name, block in raw.items()}
        # After scaling, two random architectures are at an expected squared distance of 2 in every block.
        self._scale = {name: 1 / np.sqrt(max(block.var(axis=0).sum(), 1e-12)) for name, block in raw.items()}
        self._column_scale = np.ones(raw["totals"].shape[1])
        spread = raw["totals"].std(axis=0)
        self._column_scale[spread > 0] = 1 / spread[spread > 0]
        self._scale["totals"] = 1 / np.sqrt(max(int((spread > 0).sum()), 1))
        ends = np.cumsum([0, *(block.shape[1] for block in raw.values())])
        self.blocks: dict[str, tuple[int, ...]] = {
            name: tuple(range(ends[i], ends[i + 1])) for i, name in enumerate(raw)
        }
        self._last = Remembered[np.ndarray](count=LAST)

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, D) float64, the blocks side by side as ``blocks`` says; not to be written to."""
        if len(codes) > MOST_REMEMBERED:
            return self._compute(codes)
        return self._last.get(codes, compute=lambda: self._compute(codes))

    def _compute(self, codes: np.ndarray) -> np.ndarray:
        raw = self._raw(self._own.seen(codes))
        parts = []
        for name, block in raw.items():
            centred = block - self._centre[name]
            parts.append((centred * self._column_scale if name == "totals" else centred) * self._scale[name])
        return np.concatenate(parts, axis=1)
