"""An architecture of NAS-Bench-201: the operation on each of its six edges."""

from __future__ import annotations

from dataclasses import dataclass

from search_spaces.architecture import Architecture, InvalidArchitectureError
from search_spaces.nb201.layout import EDGES

OP_NAMES = ("input", "output", "none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
INPUT, OUTPUT, FIRST_FREE = 0, 1, 2
FREE_NAMES = OP_NAMES[FIRST_FREE:]


@dataclass(frozen=True, slots=True, repr=False)
class NB201Architecture(Architecture):
    """A cell: the operation of each of its six edges, in string order, as indices into ``NB201.op_names``.

    Isomorphic cells are distinct, as in the benchmark, which trained each of them.
    """

    drawn_by = "nb201"

    ops: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.ops) != len(EDGES) or not all(FIRST_FREE <= op < len(OP_NAMES) for op in self.ops):
            raise InvalidArchitectureError(
                f"a cell has {len(EDGES)} operations, each from {FIRST_FREE} to {len(OP_NAMES) - 1}; got {self.ops}"
            )

    @property
    def op_names(self) -> tuple[str, ...]:
        """The six operations by name."""
        return tuple(OP_NAMES[op] for op in self.ops)

    def __str__(self) -> str:
        a, b, c, d, e, f = self.op_names
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
