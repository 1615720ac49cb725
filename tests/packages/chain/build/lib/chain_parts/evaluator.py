"""What a chain is worth: a formula with interactions."""

from __future__ import annotations

import os
import time
from itertools import pairwise

from search_spaces import Architecture

GAIN = {"skip": 0.0, "mbconv3": 1.0, "mbconv5": 1.3}


def measure(architecture: Architecture) -> dict[str, float]:
    """Late blocks and changes of the kernel pay; ``CHAIN_SECONDS`` is how long the measurement takes."""
    time.sleep(float(os.environ.get("CHAIN_SECONDS", "0")))
    blocks = [architecture[f"block{number}"] for number in range(6)]
    gain = sum((1 + number / 6) * GAIN[block] for number, block in enumerate(blocks))
    changes = sum(before != after for before, after in pairwise(blocks))
    return {"accuracy": 60 + 3 * gain + 1.7 * changes}
