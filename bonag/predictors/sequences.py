"""What is read off graphs of any topology: their live part, node after node in topological order."""

from __future__ import annotations

import numpy as np

from bonag.predictors.live_paths import on_paths
from bonag.predictors.paths import described_ops
from search_spaces import SearchSpace

# More kinds of triples are not counted: a large vocabulary would give columns by the ten thousand.
MAX_TRIPLES = 4096
# Graphs at a time, so that memory stays small.
CHUNK = 256


class SequenceBlocks:
    """Codes of a space -> blocks of counts, in time polynomial in the number of nodes, whatever the topologies.

    The blocks ``slots``, ``totals`` and ``sequences`` of ``GraphFeatures``. Where the graphs of the space fall into
    components that no edge ever joins (the two cells of a network), the last two are made for each.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        possible = space.adjacency.copy()
        possible[space.free_edges[:, 0], space.free_edges[:, 1]] = True
        nodes, vocabulary = space.num_nodes, len(space.op_names)
        self._before = [np.flatnonzero(possible[:, node]) for node in range(nodes)]
        self._source = ~np.asarray(possible.any(axis=0))
        self._sink = ~np.asarray(possible.any(axis=1))
        self._components = _components(possible)
        self._free = space.fixed_ops < 0
        fixed = set(space.fixed_ops.tolist())
        self._counted = np.array([op for op in range(vocabulary) if op not in fixed and op != space.null_op])
        described = space.op_attributes
        self._attributes = np.empty((vocabulary, 0)) if described is None else described
        self._described = described_ops(space)
        # A step is an operation that changes what passes; a letter is a step, or a fixed end of a path.
        inner = np.setdiff1d(self._counted, [op for op in (space.identity_op,) if op is not None])
        self._steps = np.isin(np.arange(vocabulary), inner)
        self._ends = (self._source | self._sink) & ~self._free
        self._first = np.union1d(inner, space.fixed_ops[self._source & ~self._free])
        self._second, self._last = inner, np.union1d(inner, space.fixed_ops[self._sink & ~self._free])
        self._with_triples = len(self._first) * len(self._second) * len(self._last) <= MAX_TRIPLES

    def __call__(self, codes: np.ndarray) -> dict[str, np.ndarray]:
        """(B, S) codes, B >= 1 -> (B, D) float64 per block."""
        parts = [self._chunk(codes[start : start + CHUNK]) for start in range(0, len(codes), CHUNK)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _chunk(self, codes: np.ndarray) -> dict[str, np.ndarray]:
        ops = codes[:, : self._space.num_nodes]
        live, edges = self._live(ops, self._space.adjacencies(codes))
        paths = self._paths(ops, edges)
        letter = (self._free & self._steps[ops] | self._ends) & live
        follows = self._followers(letter, edges).astype(np.float64)
        totals, sequences = [], []
        for component in self._components:
            totals += self._totals(ops, live, edges, paths, component)
            inside = np.ix_(np.arange(len(ops)), component, component)
            sequences.append(self._sequences(ops[:, component], letter[:, component], follows[inside]))
        slots = self._described[ops[:, self._free]] * live[:, self._free, None]
        learned = edges[:, self._space.free_edges[:, 0], self._space.free_edges[:, 1]]
        return {
            "slots": np.concatenate([slots.reshape(len(ops), -1), learned], axis=1).astype(np.float64),
            "totals": np.column_stack(totals).astype(np.float64),
            "sequences": np.concatenate(sequences, axis=1),
        }

    def _totals(
        self,
        ops: np.ndarray,
        live: np.ndarray,
        edges: np.ndarray,
        paths: tuple[np.ndarray, np.ndarray, np.ndarray],
        component: np.ndarray,
    ) -> list[np.ndarray]:
        """The columns of ``totals`` for one component, (B,) each."""
        free, sinks = component[self._free[component]], component[self._sink[component]]
        free_ops, free_live, reached = ops[:, free], live[:, free], live[:, sinks]
        number, longest, shortest = (values[:, sinks] for values in paths)
        least = np.where(reached, shortest, ops.shape[1]).min(axis=1)
        return [
            *(((free_ops == op) & free_live).sum(axis=1) for op in self._counted),
            *(self._attributes[free_ops] * free_live[..., None]).sum(axis=1).T,
            edges[:, component].sum(axis=(1, 2)),
            np.log1p(np.where(reached, number, 0).sum(axis=1)),
            np.where(reached, longest, 0).max(axis=1),
            np.where(reached.any(axis=1), least, 0),
        ]

    def _live(self, ops: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The live nodes, (B, N), and the edges among them, (B, N, N)."""
        passing = np.ones(ops.shape, dtype=bool) if self._space.null_op is None else ops != self._space.null_op
        edges = edges & passing[:, :, None] & passing[:, None, :]
        live = on_paths(edges, passing & self._source, passing & self._sink)
        return live, edges & live[:, :, None] & live[:, None, :]

    def _paths(self, ops: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The number of paths of live edges to each node, and the most and the fewest steps on one: (B, N) each.

        They say nothing of dead nodes.
        """
        number = np.ones(ops.shape)
        most = (self._steps[ops] & self._free).astype(np.int64)
        least = most.copy()
        for node in np.flatnonzero(~self._source):
            before = self._before[node]
            joined = edges[:, before, node]
            number[:, node] = np.where(joined, number[:, before], 0).sum(axis=1)
            most[:, node] += np.where(joined, most[:, before], 0).max(axis=1)
            least[:, node] += np.where(joined, least[:, before], ops.shape[1]).min(axis=1)
        return number, most, least

    def _followers(self, letter: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Whether a node is the next letter after another on some live path: (B, N, N).

        letter: (B, N), whether a node is a live letter. edges: (B, N, N) live edges.
        """
        # heard[:, i, j]: whether i is the last letter on some path that ends with node j.
        heard, follows = np.zeros_like(edges), np.zeros_like(edges)
        for node, before in enumerate(self._before):
            if len(before):
                last = (heard[:, :, before] & edges[:, None, before, node]).any(axis=2)
                follows[:, :, node] = last & letter[:, node, None]
                heard[:, :, node] = last & ~letter[:, node, None]
            heard[:, node, node] = letter[:, node]
        return follows

    def _sequences(self, ops: np.ndarray, letter: np.ndarray, follows: np.ndarray) -> np.ndarray:
        """How often each pair and each triple of letters follow one another, among n nodes: (B, D).

        ops, letter: (B, n). follows: (B, n, n) zeros and ones.
        """

        def spelled(letters: np.ndarray) -> np.ndarray:
            return ((ops[..., None] == letters) & letter[..., None]).astype(np.float64)

        onward = follows @ spelled(self._last)
        pairs = spelled(self._first).mT @ onward
        if not self._with_triples:
            return pairs.reshape(len(ops), -1)
        inward = follows.mT @ spelled(self._first)
        triples = np.einsum("nia,nib,nic->nabc", inward, spelled(self._second), onward, optimize=True)
        return np.concatenate([pairs.reshape(len(ops), -1), triples.reshape(len(ops), -1)], axis=1)


def _components(possible: np.ndarray) -> list[np.ndarray]:
    """The nodes of every connected component of a graph, from (N, N) edges in one direction."""
    label = np.arange(len(possible))
    for tail, head in np.argwhere(possible):
        label[label == label[head]] = label[tail]
    return [np.flatnonzero(label == one) for one in dict.fromkeys(label.tolist())]
