"""The space of Once-for-All's MobileNetV3 networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.graph import ArchGraph
from search_spaces.mbv3.architecture import (
    BLOCKS,
    DEPTHS,
    EXPANDS,
    KERNELS,
    OP_NAMES,
    SKIP,
    SLOTS,
    SLOTS_PER_STAGE,
    STAGES,
    MBV3Architecture,
    from_ofa,
    stage_variants,
    to_ofa,
)
from search_spaces.mbv3.costs import network_costs
from search_spaces.near_miss import suggestion
from search_spaces.space import Architecture, Costs, InvalidArchitectureError, Parameter, SearchSpace

if TYPE_CHECKING:
    from torch import nn

PLACES = [(stage, position) for stage in range(1, STAGES + 1) for position in range(1, SLOTS_PER_STAGE + 1)]


class MBV3(SearchSpace):
    """MobileNetV3 of width 1.0: a depth (2 to 4) per stage, a kernel (3, 5, 7) and an expand ratio (3, 4, 6) per block.

    The graph is a chain of all twenty slots, in which skipped slots have the operation ``skip``. A gene is the depth
    of a stage, or the kernel or the expand ratio of a block that runs. Depth genes move by one step: a stage loses its
    last block, or gains any of the nine blocks at its end.
    """

    name = "mbv3"
    size = 7371**STAGES
    op_names = OP_NAMES
    num_nodes = SLOTS
    identity_op = SKIP
    num_classes = 1000
    image_size = 224
    adjacency: np.ndarray

    def __init__(self) -> None:
        self.adjacency = np.eye(SLOTS, k=1, dtype=bool)
        self.fixed_ops = np.full(SLOTS, -1, dtype=np.int64)
        self.op_attributes = np.array([*BLOCKS, (0, 0)], dtype=np.float64)
        self.adjacency.setflags(write=False)
        self.fixed_ops.setflags(write=False)

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Uniform over architectures: a stage is one of its 7,371 variants, so deep stages are the most frequent."""
        variants = _variants_array()
        rows = variants[rng.integers(len(variants), size=(n, STAGES))].reshape(n, SLOTS)
        return _architectures(rows.tolist())

    def parse(self, text: str) -> Architecture:
        stages = text.strip().split("|")
        if len(stages) != STAGES:
            raise InvalidArchitectureError(
                f"'{text}' is not an mbv3 architecture: it has {len(stages)} stage(s) between bars, it needs {STAGES}, "
                "as in k3e6-k5e4|k7e3-k3e3-k5e6|k3e3-k3e3|k5e4-k5e4|k7e6-k7e6"
            )
        ops: list[int] = []
        for number, stage in enumerate(stages, start=1):
            blocks = stage.split("-")
            for position, block in enumerate(blocks, start=1):
                if block not in OP_NAMES[:SKIP]:
                    raise InvalidArchitectureError(
                        f"stage {number}, block {position}: unknown operation '{block}': "
                        f"{suggestion(block, OP_NAMES[:SKIP])}"
                    )
            if len(blocks) not in DEPTHS:
                raise InvalidArchitectureError(f"stage {number} has {len(blocks)} block(s), it must have 2, 3 or 4")
            ops += [OP_NAMES.index(block) for block in blocks] + [SKIP] * (SLOTS_PER_STAGE - len(blocks))
        return MBV3Architecture(tuple(ops))

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """From 85 to 110 architectures; each differs in one slot."""
        ops = _checked(architecture).ops
        return [_changed(ops, slot, op) for slot, op in _moves(ops)]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        ops = _checked(architecture).ops
        moves = _moves(ops)
        return _changed(ops, *moves[int(rng.integers(len(moves)))])

    def encode(self, architecture: Architecture) -> ArchGraph:
        return ArchGraph(np.array(_checked(architecture).ops, dtype=np.int64), self.adjacency)

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        flat = chain.from_iterable([_checked(architecture).ops for architecture in architectures])
        return np.fromiter(flat, dtype=np.int64, count=SLOTS * len(architectures)).reshape(-1, SLOTS)

    def decode(self, graph: ArchGraph) -> Architecture:
        if len(graph.ops) != SLOTS:
            raise InvalidArchitectureError(f"the graph of an mbv3 architecture has {SLOTS} nodes, not {len(graph.ops)}")
        if not np.array_equal(graph.adjacency, self.adjacency):
            raise InvalidArchitectureError(f"the graph's edges are not a chain of {SLOTS} nodes")
        return MBV3Architecture(tuple(graph.ops.tolist()))

    def project(self, scores: np.ndarray) -> list[Architecture]:
        if scores.ndim != 3 or scores.shape[1:] != (SLOTS, len(OP_NAMES)):
            raise ValueError(f"scores must be (B, {SLOTS}, {len(OP_NAMES)}); got {scores.shape}")
        # Given its depth, a stage is best with the best block in each slot; so three sums decide its depth. The first
        # two slots always run and cancel. Deepest first: a tie goes to a block rather than to the skip, the last op.
        stages = np.asarray(scores, dtype=np.float64).reshape(-1, STAGES, SLOTS_PER_STAGE, len(OP_NAMES))
        blocks = stages[..., :SKIP].argmax(axis=-1)
        run, skip = stages[..., :SKIP].max(axis=-1), stages[..., SKIP]
        third, fourth = 2, 3
        sums = [
            run[..., third] + run[..., fourth],
            run[..., third] + skip[..., fourth],
            skip[..., third] + skip[..., fourth],
        ]
        depths = SLOTS_PER_STAGE - np.stack(sums, axis=-1).argmax(axis=-1)
        ops = np.where(np.arange(SLOTS_PER_STAGE) < depths[..., None], blocks, SKIP)
        return _architectures(ops.reshape(-1, SLOTS).tolist())

    def parameters(self) -> tuple[Parameter, ...]:
        """``depth_<stage>``, then ``kernel_<stage>_<block>``, then ``expand_<stage>_<block>``, all counted from 1."""
        return (
            *(Parameter(f"depth_{stage}", DEPTHS, is_ordered=True) for stage in range(1, STAGES + 1)),
            *(Parameter(f"kernel_{stage}_{block}", KERNELS, is_ordered=True) for stage, block in PLACES),
            *(Parameter(f"expand_{stage}_{block}", EXPANDS, is_ordered=True) for stage, block in PLACES),
        )

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        ks, e, d = to_ofa(_checked(architecture))
        return dict(zip(_parameter_names(), [*d, *ks, *e], strict=True))

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        names = _parameter_names()
        for name in values:
            if name not in names:
                raise InvalidArchitectureError(f"unknown parameter '{name}': {suggestion(name, names)}")
        depths = [_value(values, f"depth_{stage}", DEPTHS) for stage in range(1, STAGES + 1)]
        active = [(stage, block) for stage, block in PLACES if block <= depths[stage - 1]]
        kernels = {place: _value(values, "kernel_{}_{}".format(*place), KERNELS) for place in active}
        expands = {place: _value(values, "expand_{}_{}".format(*place), EXPANDS) for place in active}
        return from_ofa(
            [kernels.get(place, KERNELS[0]) for place in PLACES],
            [expands.get(place, EXPANDS[0]) for place in PLACES],
            depths,
        )

    def build(self, architecture: Architecture, num_classes: int | None = None) -> nn.Module:
        """The static network, initialised by He et al. (2015), fan-out."""
        from search_spaces.mbv3.network import MobileNetV3

        return MobileNetV3(_checked(architecture).stages, self.num_classes if num_classes is None else num_classes)

    def costs(self, architecture: Architecture, num_classes: int | None = None, image_size: int | None = None) -> Costs:
        return network_costs(
            _checked(architecture),
            self.num_classes if num_classes is None else num_classes,
            self.image_size if image_size is None else image_size,
        )


@cache
def _variants_array() -> np.ndarray:
    return np.array(stage_variants(), dtype=np.int64)


@cache
def _parameter_names() -> tuple[str, ...]:
    return tuple(parameter.name for parameter in MBV3().parameters())


@cache
def _stage_moves(stage: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """The changes (position, new operation) that change one gene of a stage."""
    depth = len(stage) - stage.count(SKIP)
    moves = []
    for position, op in enumerate(stage[:depth]):
        kernel, expand = BLOCKS[op]
        for other, (k, e) in enumerate(BLOCKS):
            if (k == kernel) != (e == expand):
                moves.append((position, other))
    if depth > DEPTHS[0]:
        moves.append((depth - 1, SKIP))
    if depth < DEPTHS[-1]:
        moves += [(depth, block) for block in range(SKIP)]
    return tuple(moves)


def _moves(ops: tuple[int, ...]) -> list[tuple[int, int]]:
    return [
        (start + position, op)
        for start in range(0, SLOTS, SLOTS_PER_STAGE)
        for position, op in _stage_moves(ops[start : start + SLOTS_PER_STAGE])
    ]


def _changed(ops: tuple[int, ...], slot: int, op: int) -> Architecture:
    return MBV3Architecture((*ops[:slot], op, *ops[slot + 1 :]))


def _value(values: Mapping[str, int | str], name: str, choices: tuple[int, ...]) -> int:
    if name not in values:
        raise InvalidArchitectureError(f"parameter '{name}' is missing")
    if values[name] not in choices:
        raise InvalidArchitectureError(
            f"parameter '{name}' cannot be {values[name]!r}: choose from {', '.join(map(str, choices))}"
        )
    return int(values[name])


def _checked(architecture: Architecture) -> MBV3Architecture:
    if not isinstance(architecture, MBV3Architecture):
        raise TypeError(f"the space mbv3 has no architecture '{architecture}' ({type(architecture).__name__})")
    return architecture


def _architectures(rows: Iterable[Iterable[int]]) -> list[Architecture]:
    return [MBV3Architecture(tuple(row)) for row in rows]
