"""What a generator is trained on: unlabelled architectures, a tenth of the space held out."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from search_spaces import Architecture, SearchSpace

HELD_OUT = 0.1
POOL = 60_000


def held_out(architecture: Architecture) -> bool:
    """Whether an architecture belongs to the tenth of every space that no generator is trained on.

    It follows from a hash of the architecture's string, so the split is the same everywhere and needs no file.
    """
    digest = blake2b(str(architecture).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < HELD_OUT * 2**64


def training_pool(space: SearchSpace, seed: int, size: int = POOL) -> np.ndarray:
    """The codes of a uniform sample of ``size`` architectures, less those that are held out: (n, S)."""
    return space.codes(kept(space.sample(size, np.random.default_rng(seed))))


def kept(architectures: Sequence[Architecture]) -> list[Architecture]:
    """Those that are not held out."""
    return [architecture for architecture in architectures if not held_out(architecture)]
