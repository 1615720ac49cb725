"""The peak of a piece of work, not that of what came before."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from bonag.bench.memory import PeakMemory


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets an earlier peak")
def test_the_peak_is_that_of_the_work_since() -> None:
    def work(megabytes: int) -> None:
        assert np.ones(megabytes * 2**20, dtype=np.uint8).sum() > 0

    work(200)
    memory = PeakMemory()
    assert memory.megabytes() < 20
    work(100)
    assert 90 < memory.megabytes() < 130
    # It stays the peak when the memory has been given back.
    assert 90 < memory.megabytes() < 130
