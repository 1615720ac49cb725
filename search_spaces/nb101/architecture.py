"""An architecture of NAS-Bench-101: a cell, whatever the order of its nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search_spaces.architecture import Architecture, InvalidArchitectureError
from search_spaces.nb101.isomorphism import ABSENT, LAST, OP_NAMES, OUTPUT, PAIRS, all_keys, graphs


@dataclass(frozen=True, slots=True, repr=False)
class NB101Architecture(Architecture):
    """A cell without idle nodes, whatever the order of its nodes was.

    key: the edges and operations in one number, the same for isomorphic cells (``search_spaces.nb101.isomorphism``).
    """

    drawn_by = "nb101"

    key: int

    def __post_init__(self) -> None:
        known = all_keys()
        if known[min(int(known.searchsorted(self.key)), len(known) - 1)] != self.key:
            raise InvalidArchitectureError(f"{self.key} is not the key of a cell")

    @property
    def op_names(self) -> tuple[str, ...]:
        """The operations of the inner nodes, by name: none to five."""
        ops, _ = graphs(np.array([self.key]))
        return tuple(OP_NAMES[op] for op in ops[0, 1:LAST].tolist() if op != ABSENT)

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """The edges, as pairs of nodes: 0 is the input, then come the inner ones, and the last is the output."""
        _, bits = graphs(np.array([self.key]))
        output = len(self.op_names) + 1
        return tuple((i, min(j, output)) for (i, j), bit in zip(PAIRS, bits[0].tolist(), strict=True) if bit)

    def __str__(self) -> str:
        names = (*self.op_names, OP_NAMES[OUTPUT])
        sources: list[list[str]] = [[] for _ in names]
        for i, j in self.edges:
            sources[j - 1].append(str(i))
        return "|".join(f"{name}~{'+'.join(inputs)}" for name, inputs in zip(names, sources, strict=True))
