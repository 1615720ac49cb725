"""When hyperparameters are fitted anew: it follows from the length of the history alone."""

from __future__ import annotations


def prefix(n: int, growth: float) -> int:
    """The largest scheduled length up to n: each is the one before, grown by the share, and at least by one."""
    length = 1
    while (following := length + max(1, int(length * growth))) <= n:
        length = following
    return length
