"""The order in which a supernet's training opens the choices of its networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search_spaces.errors import UserError
from search_spaces.mbv3.architecture import (
    DEPTHS,
    EXPANDS,
    KERNELS,
    SLOTS,
    STAGES,
    MBV3Architecture,
    from_ofa,
)
from search_spaces.near_miss import suggestion


@dataclass(frozen=True)
class Phase:
    """A part of a training.

    weight: its share of the epochs, relative to the others'. rate: its highest learning rate, relative to the recipe's.
    sandwich: whether largest and smallest network take part in each step. sorts: the expand ratios that were trained
    before, where the channels are sorted when it begins.
    """

    name: str
    weight: float = 1.0
    rate: float = 1.0
    kernels: tuple[int, ...] = KERNELS
    depths: tuple[int, ...] = DEPTHS
    expands: tuple[int, ...] = EXPANDS
    sandwich: bool = False
    sorts: tuple[int, ...] = ()

    @property
    def single(self) -> bool:
        """Whether there is only one network, the largest."""
        return len(self.kernels) == len(self.depths) == len(self.expands) == 1

    def sample(self, rng: np.random.Generator) -> MBV3Architecture:
        """A network with each choice uniform over what is open."""
        return from_ofa(
            rng.choice(self.kernels, SLOTS).tolist(),
            rng.choice(self.expands, SLOTS).tolist(),
            rng.choice(self.depths, STAGES).tolist(),
        )


K, D, E = KERNELS[-1:], DEPTHS[-1:], EXPANDS[-1:]
# Progressive shrinking: the largest network, then elastic kernels, depths and expand ratios, the latter in two steps.
SHRINKING = (
    Phase("largest", 6, kernels=K, depths=D, expands=E),
    Phase("kernel", 2, 0.5, depths=D, expands=E),
    Phase("depth 3-4", 1, 0.25, depths=DEPTHS[1:], expands=E),
    Phase("depth 2-4", 2, 0.5, expands=E),
    Phase("expand 4-6", 1, 0.25, expands=EXPANDS[1:], sorts=E),
    Phase("expand 3-6", 4, 0.5, sorts=EXPANDS[1:]),
)
SANDWICH = (Phase("sandwich", sandwich=True),)
METHODS = {"shrinking": SHRINKING, "sandwich": SANDWICH}
ALL = Phase("all")


def phases_of(method: str) -> tuple[Phase, ...]:
    """The phases of ``shrinking`` (Cai et al., ICLR 2020) or ``sandwich`` (BigNAS; Yu et al., ECCV 2020)."""
    if method not in METHODS:
        raise UserError(f"unknown method '{method}': {suggestion(method, METHODS)}")
    return METHODS[method]


def split_steps(phases: tuple[Phase, ...], steps: int) -> list[int]:
    """How many steps each phase has, by largest remainders of its share; the sum is ``steps``."""
    edges = np.cumsum([0.0, *(phase.weight for phase in phases)])
    return np.diff(np.rint(edges / edges[-1] * steps).astype(int)).tolist()
