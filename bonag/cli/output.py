"""Standard output and error that nothing stops for: a reader that went away, a full disk, a stream that is closed."""

from __future__ import annotations

import functools
import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Command = TypeVar("Command", bound=Callable[..., object])


class _Output(io.FileIO):
    """A file that takes all that is written, also when it cannot be written any more. lost: why, since when it cannot.

    Below Python's buffers, so that everything that writes, here or in a library, is written to such a file.
    """

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        """Write what can be written; says that it was all."""
        size = memoryview(data).nbytes
        while self.lost is None:
            try:
                written: int | None = super().write(data)
                if written is not None:
                    return written
                # It does not block, and has no room just now.
                select.select([], [self], [])
            except OSError as error:
                self.lost = error
        return size


@contextmanager
def steady_output() -> Iterator[None]:
    """Within this context, standard output and error take everything and raise nothing."""
    _open_closed()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _steady(sys.stdout, 1), _steady(sys.stderr, 2)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def prints(command: Command) -> Command:
    """A command of which the output is all that it is for: its end raises the OSError for which some was lost."""

    @functools.wraps(command)
    def checked(*arguments: object, **options: object) -> object:
        result = command(*arguments, **options)
        sys.stdout.flush()
        raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
        if isinstance(raw, _Output) and raw.lost is not None:
            raise type(raw.lost)(raw.lost.errno, raw.lost.strerror, "standard output")
        return result

    return checked  # type: ignore[return-value]


def _open_closed() -> None:
    """Where a standard stream was closed, put nothing in its place: else the next file opened would be printed into."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It gets the lowest number that is free; processes that are started have it too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _steady(stream: Any, number: int) -> Any:
    """The stream with an ``_Output`` below; one that is no file, as in tests and notebooks, as it is."""
    if stream is None:  # it was closed
        return io.TextIOWrapper(io.BufferedWriter(_Output(number, "wb", closefd=False)), encoding="utf-8")
    try:
        stream.flush()
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return stream
    # What the terminal's alphabet lacks is no reason to stop either.
    errors = "backslashreplace" if stream.errors == "strict" else stream.errors
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(descriptor, "wb", closefd=False)),
        encoding=stream.encoding,
        errors=errors,
        line_buffering=getattr(stream, "line_buffering", False),
        write_through=getattr(stream, "write_through", False),
    )
