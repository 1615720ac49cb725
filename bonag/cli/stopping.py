"""How a run is asked to stop."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType, TracebackType


class StopSignals:
    """Within this context, the first Ctrl-C, SIGTERM or SIGHUP asks the run to stop when it can; a second ends it.

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
        """The exit status that tells of the signal; a run that was asked to stop in its record ends as by SIGTERM."""
        return 128 + (self.signal or signal.SIGTERM)

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup: the run is to outlive its terminal
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            if number == signal.SIGHUP:
                return  # shell and system both tell of a terminal that is gone; nobody is impatient
            raise KeyboardInterrupt
        self.signal = number
        # Not print: a signal may come in the middle of one, and streams do not like to be entered twice.
        with suppress(OSError):  # nobody need be there to read it
            os.write(2, f"\nstopping after {self._ends}; once more to stop at once\n".encode())
