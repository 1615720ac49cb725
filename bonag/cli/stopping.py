"""How a run is asked to stop."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType


class StopSignals:
    """Within this context, the first Ctrl-C or SIGTERM asks the run to stop when it can; the second ends it at once.

    ends: what is finished before the run stops, in words.
    """

    def __init__(self, ends: str = "the evaluation that runs now") -> None:
        self._ends = ends
        self.signal: int | None = None
        self._before: dict[int, object] = {}

    def asked(self) -> bool:
        """Whether to stop."""
        return self.signal is not None

    @property
    def status(self) -> int:
        """The exit status that tells of the signal."""
        return 128 + (self.signal or 0)

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
        # Not print: a signal may come in the middle of one, and streams do not like to be entered twice.
        os.write(2, f"\nstopping after {self._ends}; once more to stop at once\n".encode())
