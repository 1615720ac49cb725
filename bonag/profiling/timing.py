"""How long a network takes on a machine that others use too: a reference beside it tells when they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WARM_UP = 3
# Runs between two looks at the reference, each the faster of two runs, so that what was run before plays no part.
BURST, LOOK = 3, 2
# Runs at least; how many of the fastest must agree, and within which share.
FEWEST, AGREEING, TOLERANCE = 15, 5, 0.015
# The machine is calm where the reference takes no longer than this times the shortest that it ever took.
CALM = 1.05
# Seconds after which a network is given up that could not be timed in calm; pauses let a busy neighbour go.
PATIENCE, PAUSE = 4.0, 0.005


@dataclass(frozen=True)
class Timing:
    """How long a network took.

    ms: the median of its fastest runs; where the machine was never calm, what they would have taken in calm, by the
        reference.
    reference_ms: the shortest that the reference took until then.
    median_ms: of all runs, as they were.
    slowed: by what factor the reference was slowed in the runs that count.
    settled: whether these agreed, in calm.
    """

    ms: float
    reference_ms: float
    median_ms: float
    runs: int
    slowed: float
    settled: bool


class Stopwatch:
    """Times functions, in turns with a reference function.

    Other jobs only ever slow a run down, so the fastest runs tell of the network. But a neighbour that stays slows all
    of them, by half and more where cores share caches; that shows in the reference. quiet_ms: the shortest that the
    reference ever took.
    """

    def __init__(
        self, reference: Callable[[], object], quiet_ms: float | None = None, patience: float = PATIENCE
    ) -> None:
        self._reference, self._patience = reference, patience
        for _ in range(WARM_UP):
            reference()
        self.quiet_ms = self._look() if quiet_ms is None else quiet_ms

    def time(self, run: Callable[[], object]) -> Timing:
        """Run it until the fastest runs agree while the machine is calm, for a few seconds at most."""
        for _ in range(WARM_UP):
            run()
        bursts: list[list[float]] = []
        looks: list[tuple[float, float]] = []
        end = time.monotonic() + self._patience
        before = self._look()
        while True:
            bursts.append([milliseconds(run) for _ in range(BURST)])
            after = self._look()
            looks.append((before, after))
            timing = self._timing(np.array(bursts), np.array(looks))
            if timing.settled or (time.monotonic() >= end and len(bursts) * BURST >= FEWEST):
                return timing
            time.sleep(PAUSE)
            before = self._look()

    def _look(self) -> float:
        level = min(milliseconds(self._reference) for _ in range(LOOK))
        self.quiet_ms = min(getattr(self, "quiet_ms", level), level)
        return level

    def _timing(self, bursts: np.ndarray, looks: np.ndarray) -> Timing:
        median, slowed = float(np.median(bursts)), looks / self.quiet_ms
        calm = (slowed <= CALM).all(axis=1)
        if calm.sum() * BURST >= FEWEST:
            fastest = np.sort(bursts[calm].ravel())[:AGREEING]
            settled = bool(fastest[-1] <= (1 + TOLERANCE) * fastest[0])
            return Timing(float(np.median(fastest)), self.quiet_ms, median, bursts.size, 1.0, settled)
        # Each burst beside the reference around it: where both are slowed alike, their ratio stays.
        ratio = np.median(bursts.min(axis=1) / slowed.mean(axis=1))
        return Timing(float(ratio), self.quiet_ms, median, bursts.size, float(np.median(slowed)), False)


def milliseconds(run: Callable[[], object]) -> float:
    """How long it takes once."""
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)
