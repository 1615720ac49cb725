"""How long a network takes on a machine that others use too: a reference beside it tells when they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WARM_UP = 3
# Runs between two looks at the reference, each the faster of two runs, so that what was run before plays no part; and
# such bursts each time that a network is loaded.
BURST, LOOK, BURSTS = 3, 2, 4
# How often a network is loaded at least and at most, and the relative standard error that is good enough.
FEWEST, MOST, PRECISION = 4, 200, 0.003


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

    def time(self, load: Callable[[], Callable[[], object]]) -> Timing:
        """Run what ``load`` loads, loaded anew several times, until the ratio is precise, or patience ends.

        Where in memory a network happens to lie makes it faster or slower by half a percent and more, for as long as it
        lies there.
        """
        loads: list[np.ndarray] = []
        end = time.monotonic() + self._patience
        while True:
            loads.append(self._time_once(load()))
            if len(loads) < FEWEST:
                continue
            timing = summary(np.array(loads))
            if timing.uncertainty <= PRECISION or time.monotonic() >= end or len(loads) >= MOST:
                return timing

    def _time_once(self, run: Callable[[], object]) -> np.ndarray:
        """(BURSTS, 3) ms: the fastest run, the median one, and the reference beside them."""
        for _ in range(WARM_UP):
            run()
        rows, before = [], self._look()
        for _ in range(BURSTS):
            burst, after = [milliseconds(run) for _ in range(BURST)], self._look()
            rows.append((min(burst), float(np.median(burst)), min(before, after)))
            before = after
        return np.array(rows)

    def _look(self) -> float:
        return min(milliseconds(self._reference) for _ in range(LOOK))


def summary(loads: np.ndarray) -> Timing:
    """The timing of n loads: (n, BURSTS, 3) ms, as ``Stopwatch`` takes them."""
    fastest, median, reference = np.moveaxis(loads, 2, 0)
    ratios = np.median(fastest / reference, axis=1)
    ratio = float(ratios.mean())
    uncertainty = float(ratios.std(ddof=1)) / np.sqrt(len(ratios)) / ratio
    return Timing(ratio, float(uncertainty), float(np.median(reference)), float(np.median(median)), median.size * BURST)


def milliseconds(run: Callable[[], object]) -> float:
    """How long it takes once."""
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)
