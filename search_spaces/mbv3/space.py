"""The space of Once-for-All's MobileNetV3 networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.architecture import Architecture, Costs, InvalidArchitectureError, Parameter
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
    stage_variants,
    to_ofa,
)
from search_spaces.mbv3.costs import network_costs
from search_spaces.near_miss import suggestion
from search_spaces.product import ProductSpace
from search_spaces.site import Site

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.drawing.svg import Markup

PLACES = [(stage, position) for stage in range(1, STAGES + 1) for position in range(1, SLOTS_PER_STAGE + 1)]


class MBV3(ProductSpace):
    """MobileNetV3: a depth (2 to 4) per stage, a kernel (3, 5, 7) and an expand ratio (3, 4, 6) per block.

    The graph is a chain of all twenty slots, in which skipped slots have the operation ``skip``. A gene is the depth
    of a stage, or the kernel or the expand ratio of a block that runs. Depth genes move by one step: a stage loses its
    last block, or gains any of the nine blocks at its end.
    """

    name = "mbv3"
    num_classes = 1000
    image_size = 224
    op_attributes = np.array([*BLOCKS, (0, 0)], dtype=np.float64)
    # The first two slots of a stage always run, and the last one only if the third does.
    sites = tuple(
        Site(
            f"slot_{stage}_{block}",
            OP_NAMES if block > DEPTHS[0] else OP_NAMES[:SKIP],
            active_if=(f"slot_{stage}_{block - 1}", OP_NAMES[:SKIP]) if block > DEPTHS[0] + 1 else None,
        )
        for stage, block in PLACES
    )

    def architecture(self, ops: Sequence[int]) -> Architecture:
        return MBV3Architecture(tuple(ops))

    def ops(self, architecture: Architecture) -> tuple[int, ...]:
        return self.own(architecture, MBV3Architecture).ops

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Uniform over architectures: a stage is one of its 7,371 variants, so deep stages are the most frequent."""
        variants = _variants_array()
        rows = variants[rng.integers(len(variants), size=(n, STAGES))].reshape(n, SLOTS)
        return self._architectures(rows)

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
        ops = self.ops(architecture)
        return [_change(ops, slot, op) for slot, op in _moves(ops)]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        ops = self.ops(architecture)
        moves = _moves(ops)
        return _change(ops, *moves[int(rng.integers(len(moves)))])

    def project_ops(self, scores: np.ndarray) -> np.ndarray:
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
        return ops.reshape(-1, SLOTS)

    def parameters(self) -> tuple[Parameter, ...]:
        """``depth_<stage>``, then ``kernel_<stage>_<block>``, then ``expand_<stage>_<block>``, all counted from 1."""
        return (
            *(Parameter(f"depth_{stage}", DEPTHS, is_ordered=True) for stage in range(1, STAGES + 1)),
            *(Parameter(f"kernel_{stage}_{block}", KERNELS, is_ordered=True) for stage, block in PLACES),
            *(Parameter(f"expand_{stage}_{block}", EXPANDS, is_ordered=True) for stage, block in PLACES),
        )

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        ks, e, d = to_ofa(self.own(architecture, MBV3Architecture))
        return dict(zip((parameter.name for parameter in self.parameters()), [*d, *ks, *e], strict=True))

    def choices(self, architecture: Architecture) -> dict[str, int | str]:
        ops = self.own(architecture, MBV3Architecture).ops
        return {f"block {s}.{b}": OP_NAMES[op] for (s, b), op in zip(PLACES, ops, strict=True)}

    def summary(self, architecture: Architecture) -> Mapping[str, float | str]:
        """Of each stage its depth, and the means of its kernels and expand ratios."""
        stages = self.own(architecture, MBV3Architecture).stages
        found = {f"depth {stage}": float(len(blocks)) for stage, blocks in enumerate(stages, 1)}
        for part, what in enumerate(("kernel", "expand")):
            for stage, blocks in enumerate(stages, 1):
                found[f"{what} {stage}"] = sum(block[part] for block in blocks) / len(blocks)
        return found

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        depth_names = [f"depth_{stage}" for stage in range(1, STAGES + 1)]
        self.check_parameters(values, needed=depth_names)
        depths = [int(values[name]) for name in depth_names]
        active = [f"{stage}_{block}" for stage, block in PLACES if block <= depths[stage - 1]]
        self.check_parameters(values, needed=[f"{what}_{place}" for what in ("kernel", "expand") for place in active])
        blocks = {place: (int(values[f"kernel_{place}"]), int(values[f"expand_{place}"])) for place in active}
        ops = [BLOCKS.index(blocks[place]) if (place := f"{s}_{b}") in blocks else SKIP for s, b in PLACES]
        return MBV3Architecture(tuple(ops))

    def build(self, architecture: Architecture, num_classes: int | None = None, width: float = 1.0) -> nn.Module:
        """The static network, with so many times the usual channels.

        It is initialised by He et al. (2015), fan-out; blocks with a residual begin as the identity.
        """
        from search_spaces.mbv3.network import MobileNetV3

        stages = self.own(architecture, MBV3Architecture).stages
        classes = self.num_classes if num_classes is None else num_classes
        return MobileNetV3(stages, classes) if width == 1 else MobileNetV3(stages, classes, width)

    def _costs(self, architecture: Architecture, num_classes: int, image_size: int, width: float = 1.0) -> Costs:
        return network_costs(self.own(architecture, MBV3Architecture), num_classes, image_size, width)

    def draw(self, architecture: Architecture, small: bool = False) -> Markup:
        from search_spaces.mbv3.drawing import mbv3_network, mbv3_thumbnail

        network = self.own(architecture, MBV3Architecture)
        return (
            mbv3_thumbnail(network)
            if small
            else mbv3_network(network, self.num_classes, self.image_size, **self.build_arguments)
        )


@cache
def _variants_array() -> np.ndarray:
    return np.array(stage_variants(), dtype=np.int64)


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


def _change(ops: tuple[int, ...], slot: int, op: int) -> Architecture:
    return MBV3Architecture((*ops[:slot], op, *ops[slot + 1 :]))
