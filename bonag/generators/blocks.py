"""Samples in blocks of one size, so that they depend on the seed alone and not on how many are asked for together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

BLOCK = 256


def in_blocks(
    n: int, rng: np.random.Generator, sample: Callable[[torch.Generator, int], np.ndarray], size: int = BLOCK
) -> np.ndarray:
    """The first n of the samples that ``sample`` draws, ``size`` at a time: (n, ...).

    Block b draws from its own stream, the b-th child of one seed that is taken from ``rng``. So the first samples of a
    large n are those of a small one.
    """
    root = np.random.SeedSequence(int(rng.integers(2**63 - 1)))
    streams = root.spawn(max(1, -(-n // size)))
    return np.concatenate([sample(torch.Generator().manual_seed(_seed(stream)), size) for stream in streams])[:n]


def _seed(stream: np.random.SeedSequence) -> int:
    return int(stream.generate_state(1, np.uint64)[0] >> 1)
