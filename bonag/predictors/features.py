"""What a Gaussian process sees of an architecture: blocks of numbers read off its graph."""

from __future__ import annotations

import numpy as np

from search_spaces import SearchSpace

REFERENCE_SAMPLES = 1024
MAX_PATH_CODES = 509


class GraphFeatures:
    """Operation matrices of a space -> feature blocks, each scaled by its spread over uniform random architectures.

    Blocks: ``slots``, the one-hot operation of every free node; ``totals``, how often each operation is used, the sums
    of the operations' attributes, and the number, the longest and the shortest of the live paths from the input to the
    output; ``paths``, how often each sequence of operations occurs as a live path, absent where the topology is a
    chain and so has a single path.

    A node is *live* if it lies on a path from a source to a sink without a null operation. Dead nodes are not counted,
    and identity operations do not lengthen a path: two graphs that compute the same get nearly the same features.
    """

    def __init__(self, space: SearchSpace) -> None:
        if space.adjacency is None:
            raise ValueError(f"space '{space.name}' has graphs of varying topology, which these features do not cover")
        self._vocabulary = len(space.op_names)
        self._null, self._identity = space.null_op, space.identity_op
        described = space.op_attributes
        self._attributes = np.empty((self._vocabulary, 0)) if described is None else described
        self._free = np.flatnonzero(space.fixed_ops < 0)
        self._paths = _source_to_sink_paths(space.adjacency)
        transparent = {space.null_op, space.identity_op}
        fixed = set(space.fixed_ops.tolist())
        counted = [op for op in range(self._vocabulary) if op not in fixed]
        self._counted = np.array([op for op in counted if op != space.null_op])
        letters = [op for op in counted if op not in transparent]
        self._letter = np.zeros(self._vocabulary, dtype=np.int64)
        self._letter[letters] = np.arange(1, len(letters) + 1)
        self._base = len(letters) + 1
        longest = max(int((space.fixed_ops[path] < 0).sum()) for path in self._paths)
        self._codes = min(self._base ** min(longest, 16), MAX_PATH_CODES)

        sample = space.codes(space.sample(REFERENCE_SAMPLES, np.random.default_rng(0)))
        raw = self._raw(sample)
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

    def __call__(self, ops: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B, D) float64, the blocks side by side as ``blocks`` says."""
        raw = self._raw(ops)
        parts = []
        for name, block in raw.items():
            centred = block - self._centre[name]
            parts.append((centred * self._column_scale if name == "totals" else centred) * self._scale[name])
        return np.concatenate(parts, axis=1)

    def _raw(self, ops: np.ndarray) -> dict[str, np.ndarray]:
        alive = np.ones(ops.shape, dtype=bool) if self._null is None else ops != self._null
        passable = np.stack([alive[:, path].all(axis=1) for path in self._paths], axis=1)
        live = np.zeros(ops.shape, dtype=bool)
        for number, path in enumerate(self._paths):
            live[:, path] |= passable[:, number, None]

        free_ops, free_live = ops[:, self._free], live[:, self._free]
        used = [((free_ops == op) & free_live).sum(axis=1) for op in self._counted]
        attributes = (self._attributes[free_ops] * free_live[..., None]).sum(axis=1)
        steps = self._letter[ops] > 0
        lengths = np.stack([steps[:, path].sum(axis=1) for path in self._paths], axis=1)
        longest = np.where(passable, lengths, 0).max(axis=1)
        shortest = np.where(passable, lengths, ops.shape[1]).min(axis=1)
        shortest = np.where(passable.any(axis=1), shortest, longest)
        totals = np.column_stack([*used, attributes, passable.sum(axis=1), longest, shortest]).astype(np.float64)

        slots = (free_ops[..., None] == np.arange(self._vocabulary)).reshape(len(ops), -1).astype(np.float64)
        blocks = {"slots": slots, "totals": totals}
        if len(self._paths) > 1:
            blocks["paths"] = self._path_counts(ops, passable)
        return blocks

    def _path_counts(self, ops: np.ndarray, passable: np.ndarray) -> np.ndarray:
        """(B, codes): how many live paths spell each sequence of letters (a number in base ``_base``, mod codes)."""
        counts = np.zeros((len(ops), self._codes))
        for number, path in enumerate(self._paths):
            code = np.zeros(len(ops), dtype=np.int64)
            for node in path:
                letter = self._letter[ops[:, node]]
                code = np.where(letter > 0, (code * self._base + letter) % self._codes, code)
            rows = np.flatnonzero(passable[:, number])
            counts[rows, code[rows]] += 1
        return counts


def _source_to_sink_paths(adjacency: np.ndarray) -> list[np.ndarray]:
    """Every path from a node without predecessors to one without successors, as node indices."""
    sources = np.flatnonzero(~adjacency.any(axis=0))
    unfinished = [[int(source)] for source in sources]
    paths = []
    while unfinished:
        path = unfinished.pop()
        successors = np.flatnonzero(adjacency[path[-1]])
        if len(successors) == 0:
            paths.append(np.array(path))
        unfinished += [[*path, int(node)] for node in successors]
    return sorted(paths, key=lambda path: (len(path), path.tolist()))
