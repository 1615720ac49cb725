"""What a user sees while a run goes on: in a terminal, in a notebook, or in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from bonag.callbacks.tally import Tally
from loops.loop import Ended, Event, Reported
from search_spaces.drawing.notebook import small
from search_spaces.drawing.svg import element

# Without a terminal: a line for a new best trial, but not more often than this, and a sign of life now and then.
SHORTEST_SILENCE, LONGEST_SILENCE = 1.0, 30.0
# Of a notebook, seconds between two pictures.
BETWEEN = 0.25


class Shown(Protocol):
    """What shows a run while it is entered."""

    def __enter__(self) -> Shown: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, event: Event) -> None:
        """Take in what happened."""
        ...


def watching(tally: Tally, asked: bool | None = None) -> Shown:
    """What shows a run that Python code started.

    asked: whether it is to be shown at all; by default in a notebook, and where the errors go to a terminal. What is
    asked for elsewhere are lines among the errors, since the output is the caller's.
    """
    if asked is False:
        return SilentProgress()
    if in_notebook():
        return NotebookProgress(tally)
    console = Console(stderr=True)
    if console.is_terminal:
        return LiveProgress(tally, console)
    return PlainProgress(tally, sys.stderr) if asked else SilentProgress()


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


class LiveProgress:
    """One line that keeps itself up to date, for a terminal."""

    def __init__(self, tally: Tally, console: Console) -> None:
        self._tally = tally
        columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}"))
        self._progress = Progress(*columns, console=console, refresh_per_second=4)
        self._task: TaskID | None = None

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        total = self._tally.budget or None
        self._task = self._progress.add_task("the first proposal", total=total, completed=self._tally.done)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Take in what happened."""
        if isinstance(event, Ended | Reported) and self._task is not None:
            self._tally.take(event)
            self._progress.update(self._task, completed=self._tally.done, description=self._tally.text())


class PlainProgress:
    """Lines, for logs and pipes: few enough to be read. file: where they go, by default to the output."""

    def __init__(self, tally: Tally, file: TextIO | None = None) -> None:
        self._tally, self._file = tally, file
        self._last = time.monotonic()
        self._news = False

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""

    def show(self, event: Event) -> None:
        """Take in what happened."""
        if not isinstance(event, Ended | Reported):
            return
        self._news |= self._tally.take(event)
        silence = time.monotonic() - self._last
        last = isinstance(event, Ended) and self._tally.done == self._tally.budget
        if last or silence >= LONGEST_SILENCE or (self._news and silence >= SHORTEST_SILENCE):
            print(f"[{self._tally.count_text}] {self._tally.text()}", file=self._file, flush=True)
            self._last, self._news = time.monotonic(), False


class NotebookProgress:
    """A bar and a line in the output of a cell, which needs no widgets and stays as it was in the end."""

    def __init__(self, tally: Tally) -> None:
        self._tally, self._at = tally, 0.0
        self._handle: Any = None

    def __enter__(self) -> NotebookProgress:
        from IPython.display import display

        self._handle = display(self._bundle("the first proposal"), raw=True, display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.update(self._bundle(self._tally.text()), raw=True)

    def show(self, event: Event) -> None:
        """Take in what happened."""
        if isinstance(event, Ended | Reported):
            self._tally.take(event)
            if time.monotonic() - self._at >= BETWEEN:
                self._handle.update(self._bundle(self._tally.text()), raw=True)
                self._at = time.monotonic()

    def _bundle(self, text: str) -> dict[str, str]:
        count, total = self._tally.count_text, self._tally.budget or None
        bar = element("progress", value=self._tally.done, max=total, style="width:20em;max-width:100%")
        line = element("div", bar, f" {count.strip()}", small(text), style="color:inherit")
        return {"text/plain": f"[{count}] {text}", "text/html": line}


class SilentProgress:
    """No word, for scripts."""

    def __enter__(self) -> SilentProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""

    def show(self, event: Event) -> None:
        """Say nothing of it."""
