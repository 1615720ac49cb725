"""An architecture of the MobileNetV3 space: which block stands in which of its twenty slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from search_spaces.architecture import Architecture, InvalidArchitectureError

STAGES = 5
SLOTS_PER_STAGE = 4
SLOTS = STAGES * SLOTS_PER_STAGE
KERNELS = (3, 5, 7)
EXPANDS = (3, 4, 6)
DEPTHS = (2, 3, 4)
# Block b is kernel KERNELS[b // 3] with expand ratio EXPANDS[b % 3].
BLOCKS = tuple(product(KERNELS, EXPANDS))
OP_NAMES = (*(f"k{kernel}e{expand}" for kernel, expand in BLOCKS), "skip")
SKIP = len(BLOCKS)


@cache
def stage_variants() -> tuple[tuple[int, ...], ...]:
    """All 7,371 (9^2 + 9^3 + 9^4) variants of a stage as four operation indices, shallow ones first."""
    return tuple(
        (*blocks, *[SKIP] * (SLOTS_PER_STAGE - depth))
        for depth in DEPTHS
        for blocks in product(range(SKIP), repeat=depth)
    )


@cache
def _valid_stages() -> frozenset[tuple[int, ...]]:
    return frozenset(stage_variants())


@dataclass(frozen=True, slots=True, repr=False)
class MBV3Architecture(Architecture):
    """Twenty operation indices into ``MBV3.op_names``, four per stage; the skipped slots of a stage are its last ones.

    Its string has the stages between bars, and only the blocks that run: ``k3e6-k5e4|k7e3-k3e3-k5e6|...``.
    """

    drawn_by = "mbv3"

    ops: tuple[int, ...]

    def __post_init__(self) -> None:
        valid = _valid_stages()
        if len(self.ops) != SLOTS:
            raise InvalidArchitectureError(f"an architecture has {SLOTS} slots, not {len(self.ops)}")
        for stage in range(STAGES):
            part = self.ops[SLOTS_PER_STAGE * stage : SLOTS_PER_STAGE * (stage + 1)]
            if part not in valid:
                raise InvalidArchitectureError(
                    f"stage {stage + 1} must be 2 to 4 blocks (operations 0 to {SKIP - 1}) and then only skips "
                    f"({SKIP}); got {part}"
                )

    @property
    def depths(self) -> tuple[int, ...]:
        """The number of blocks of each stage."""
        return tuple(len(stage) for stage in self.stages)

    @property
    def stages(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """The blocks that run, as (kernel, expand), by stage."""
        return tuple(
            tuple(BLOCKS[op] for op in self.ops[start : start + SLOTS_PER_STAGE] if op != SKIP)
            for start in range(0, SLOTS, SLOTS_PER_STAGE)
        )

    def __str__(self) -> str:
        return "|".join(
            "-".join([OP_NAMES[op] for op in self.ops[start : start + SLOTS_PER_STAGE] if op != SKIP])
            for start in range(0, SLOTS, SLOTS_PER_STAGE)
        )


def from_ofa(ks: Sequence[int], e: Sequence[int], d: Sequence[int]) -> MBV3Architecture:
    """The architecture of Once-for-All's lists: 20 kernels, 20 expand ratios, 5 depths; unused slots are ignored."""
    if (len(ks), len(e), len(d)) != (SLOTS, SLOTS, STAGES):
        raise InvalidArchitectureError(
            f"ks, e and d must have {SLOTS}, {SLOTS} and {STAGES} values; got {len(ks)}, {len(e)} and {len(d)}"
        )
    ops = []
    for stage, depth in enumerate(d):
        if depth not in DEPTHS:
            raise InvalidArchitectureError(f"depth of stage {stage + 1} must be 2, 3 or 4, not {depth}")
        for position in range(SLOTS_PER_STAGE):
            slot = SLOTS_PER_STAGE * stage + position
            if position >= depth:
                ops.append(SKIP)
            elif ks[slot] not in KERNELS:
                raise InvalidArchitectureError(f"{_place(slot)}: kernel must be 3, 5 or 7, not {ks[slot]}")
            elif e[slot] not in EXPANDS:
                raise InvalidArchitectureError(f"{_place(slot)}: expand ratio must be 3, 4 or 6, not {e[slot]}")
            else:
                ops.append(BLOCKS.index((ks[slot], e[slot])))
    return MBV3Architecture(tuple(ops))


def to_ofa(architecture: MBV3Architecture) -> tuple[list[int], list[int], list[int]]:
    """Once-for-All's lists ``ks`` (20), ``e`` (20) and ``d`` (5); unused slots hold the smallest value, 3."""
    blocks = [(KERNELS[0], EXPANDS[0]) if op == SKIP else BLOCKS[op] for op in architecture.ops]
    return [kernel for kernel, _ in blocks], [expand for _, expand in blocks], list(architecture.depths)


def _place(slot: int) -> str:
    return f"stage {slot // SLOTS_PER_STAGE + 1}, block {slot % SLOTS_PER_STAGE + 1}"
