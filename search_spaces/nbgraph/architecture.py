"""An architecture of NAS-Bench-Graph: a tree of graph layers, whatever the order of its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces.architecture import Architecture, InvalidArchitectureError
from search_spaces.nbgraph.trees import MAX_NODES, OPERATIONS, fold
from search_spaces.near_miss import suggestion


@dataclass(frozen=True, slots=True, repr=False)
class NBGraphArchitecture(Architecture):
    """A canonical tree (``search_spaces.nbgraph.trees``); ``of`` makes one of any tree.

    inputs: what each of the one to four nodes reads, 0 for the raw input, else the number of an earlier node, from 1.
    op_names: the operation of each node, of OPERATIONS.
    """

    drawn_by = "nbgraph"

    inputs: tuple[int, ...]
    op_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if (self.inputs, self.op_names) != _canonical(self.inputs, self.op_names):
            raise InvalidArchitectureError(f"'{self}' is not in canonical order; NBGraphArchitecture.of makes it so")

    @classmethod
    def of(cls, inputs: tuple[int, ...], op_names: tuple[str, ...]) -> NBGraphArchitecture:
        """That of a tree with its nodes in any order and skips anywhere; raises InvalidArchitectureError."""
        return cls(*_canonical(inputs, op_names))

    @property
    def ops(self) -> tuple[int, ...]:
        """The operations as indices into OPERATIONS."""
        return tuple(map(OPERATIONS.index, self.op_names))

    def __str__(self) -> str:
        return "|".join(f"{name}~{source}" for name, source in zip(self.op_names, self.inputs, strict=True))


def read_tree(text: str, operations: Sequence[str]) -> NBGraphArchitecture:
    """The architecture of a text as ``str`` writes it, with its nodes in any order; raises InvalidArchitectureError."""
    parts = text.strip().split("|")
    if len(parts) > MAX_NODES:
        raise InvalidArchitectureError(f"'{text}' has {len(parts)} nodes between bars, it can have {MAX_NODES}")
    inputs, names = [], []
    for node, part in enumerate(parts, start=1):
        name, _, source = part.partition("~")
        if name not in operations:
            raise InvalidArchitectureError(
                f"node {node}, '{part}', has the unknown operation '{name}': {suggestion(name, operations)}"
            )
        if source not in map(str, range(node)):
            known = ", ".join(map(str, range(node)))
            raise InvalidArchitectureError(
                f"node {node}, '{part}', must tell after '~' which of {known} it reads, not '{source}'"
            )
        inputs.append(int(source))
        names.append(name)
    return NBGraphArchitecture.of(tuple(inputs), tuple(names))


def _canonical(inputs: tuple[int, ...], op_names: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    if not 1 <= len(inputs) == len(op_names) <= MAX_NODES or not set(op_names) <= set(OPERATIONS):
        raise InvalidArchitectureError(
            f"a network has one to {MAX_NODES} nodes, each with an input and one of the operations "
            f"{', '.join(OPERATIONS)}; got {inputs} and {op_names}"
        )
    if any(source not in range(node) for node, source in enumerate(inputs, start=1)):
        raise InvalidArchitectureError(f"the input of each node is 0 or the number of an earlier node, not {inputs}")
    sources, ops = fold(inputs, tuple(map(OPERATIONS.index, op_names)))
    if not ops:
        raise InvalidArchitectureError("a network of skips alone computes nothing: one node needs another operation")
    return sources, tuple(OPERATIONS[op] for op in ops)
