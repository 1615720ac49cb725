"""How much memory a piece of work takes at its peak."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """The peak of this process's resident memory since it was made, beyond what was resident then."""

    def __init__(self) -> None:
        # Linux forgets the peak so far when told to. Where it is not told, a higher peak of earlier work stays.
        with suppress(OSError):
            _CLEAR.write_text("5")
        self.idle = _kilobytes("VmRSS")

    def megabytes(self) -> float:
        """MB (2^20 bytes) beyond the idle process; at least 0."""
        return max(0, _kilobytes("VmHWM") - self.idle) / 1024


def _kilobytes(field: str) -> int:
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0])
    # Other systems tell of the peak alone.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak
