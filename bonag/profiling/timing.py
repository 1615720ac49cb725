"""How long a network takes on a machine that others use too: a reference beside it tells when they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WARM_UP = 3
# Runs between two looks at the reference, each the faster of two runs, so that what was run before plays no part.
BURST, LOOK = 3, 2
# Bursts at least and at most, and the relative standard error that is good enough.
FEWEST, MOST, PRECISION = 8, 2000, 0.003
# Seconds after which a network is given up that could not be timed so precisely.
PATIENCE = 4.0


@dataclass(frozen=True)
class Timing:
    """How long a network took.

    ratio: of its time to that of the reference just before and after. error: the ratio's relative standard error.
    reference_ms: what the reference took in the runs that count, those of the calmer half. median_ms: what the network
    took, in the median of all runs as they were. runs: how many.
    """

    ratio: float
    error: float
    reference_ms: float
    median_ms: float
    runs: int


class Stopwatch:
    """Times functions in turns with a reference function.

    Other jobs slow a run down, by half and more where cores share caches, for a moment or for minutes. They slow the
    reference too, so that the ratio of the two tells of the network, the better the calmer the machine is.
    """

    def __init__(self, reference: Callable[[], object], patience: float = PATIENCE) -> None:
        self._reference, self._patience = reference, patience
        for _ in range(WARM_UP):
            reference()

    def time(self, run: Callable[[], object]) -> Timing:
        """Run it until the ratio is precise, for a few seconds at most."""
        for _ in range(WARM_UP):
            run()
        bursts: list[list[float]] = []
        looks = [self._look()]
        end = time.monotonic() + self._patience
        while True:
            bursts.append([milliseconds(run) for _ in range(BURST)])
            looks.append(self._look())
            if len(bursts) % FEWEST:
                continue
            timing = summary(np.array(bursts), np.array(looks))
            if timing.error <= PRECISION or time.monotonic() >= end or len(bursts) >= MOST:
                return timing

    def _look(self) -> float:
        return min(milliseconds(self._reference) for _ in range(LOOK))


def summary(bursts: np.ndarray, looks: np.ndarray) -> Timing:
    """The timing of (n, BURST) runs with the n + 1 looks at the reference around them, in ms."""
    around = np.stack([looks[:-1], looks[1:]], axis=1)
    # Where a neighbour came or left in between, neither the burst nor the looks can be trusted.
    worst = around.max(axis=1)
    calm = np.argsort(worst, kind="stable")[: (len(worst) + 1) // 2]
    ratios = bursts[calm].min(axis=1) / around[calm].mean(axis=1)
    ratio = np.median(ratios)
    # The standard error of a median of nearly normal values, by their median deviation.
    error = 1.25 * 1.48 * np.median(np.abs(ratios - ratio)) / np.sqrt(len(ratios)) / ratio
    return Timing(float(ratio), float(error), float(np.median(around[calm])), float(np.median(bursts)), bursts.size)


def milliseconds(run: Callable[[], object]) -> float:
    """How long it takes once."""
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)
