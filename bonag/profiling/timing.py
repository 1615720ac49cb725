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


@dataclass(frozen=True)
class Timing:
    """How long a network took.

    ratio: of its time to that of the reference just before and after. uncertainty: the ratio's relative standard error.
    reference_ms: what the reference took meanwhile. median_ms: what the network took, in the median of all runs as they
    were. runs: how many.
    """

    ratio: float
    uncertainty: float
    reference_ms: float
    median_ms: float
    runs: int


class Stopwatch:
    """Times functions in turns with a reference function.

    Other jobs slow a run down, by half and more where cores share caches, for a moment or for minutes. They slow the
    reference too, so that the ratio of the two tells of the network, the better the calmer the machine is.

    patience: seconds that a function may take.
    """

    def __init__(self, reference: Callable[[], object], patience: float) -> None:
        self._reference, self._patience = reference, patience
        for _ in range(WARM_UP):
            reference()

    def time(self, run: Callable[[], object]) -> Timing:
        """Run it until the ratio is precise, or patience ends."""
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
            if timing.uncertainty <= PRECISION or time.monotonic() >= end or len(bursts) >= MOST:
                return timing

    def _look(self) -> float:
        return min(milliseconds(self._reference) for _ in range(LOOK))


def summary(bursts: np.ndarray, looks: np.ndarray) -> Timing:
    """The timing of (n, BURST) runs with the n + 1 looks at the reference around them, in ms."""
    around = np.minimum(looks[:-1], looks[1:])
    ratios = bursts.min(axis=1) / around
    ratio = np.median(ratios)
    # The standard error of a median of nearly normal values, by their median deviation.
    uncertainty = 1.25 * 1.48 * np.median(np.abs(ratios - ratio)) / np.sqrt(len(ratios)) / ratio
    return Timing(float(ratio), float(uncertainty), float(np.median(around)), float(np.median(bursts)), bursts.size)


def milliseconds(run: Callable[[], object]) -> float:
    """How long it takes once."""
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)
