"""A command as an evaluator: any language, any cluster script."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from string import Formatter
from typing import Any

from loops.protocols import RunningTrial
from search_spaces import Architecture
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

EXEC = "exec:"
PLACES = ("architecture", "out", "seed", "index", "folder", "device")
# Seconds between two looks at what a command has written, and from being asked to end to being killed.
PULSE, GRACE = 0.1, 10.0


class CommandEvaluator:
    """Runs a command for each architecture, and reads metrics from the JSON-lines file that it writes.

    command: of words that a shell would split so; there is no shell. ``{architecture}``, ``{out}`` (the file to write),
    ``{seed}``, ``{index}``, ``{folder}`` and ``{device}`` are replaced in each word. metrics: what it is to write.

    Each line of the file is an object of metrics by name: with ``step`` it is a report, and the last line of all tells
    the metrics of the trial. A trial that is to end early is sent SIGTERM, and SIGKILL after 10 s. Raises UserError.
    """

    looks_up = False

    def __init__(self, command: str, metrics: Sequence[str]) -> None:
        try:
            self.words = shlex.split(command)
            self._names = {name for word in self.words for _, name, _, _ in Formatter().parse(word) if name is not None}
        except ValueError as error:
            raise UserError(f"the command '{command}' cannot be split: {error}") from None
        if not self.words:
            raise UserError(f"no command: write {EXEC}PROGRAM, and {{architecture}} and {{out}} among its arguments")
        for name in sorted(self._names):
            if name not in PLACES:
                raise UserError(f"the command has '{{{name}}}': {suggestion(name, PLACES)} (write a lone brace twice)")
        for name in PLACES[:2]:
            if name not in self._names:
                raise UserError(f"the command lacks {{{name}}}: PROGRAM ... {{architecture}} ... {{out}}")
        self.metrics = tuple(metrics)
        self.description = f"Values that a command wrote: {command}; bonag knows no more."

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> Mapping[str, float]:
        """The metrics of the last line; raises RuntimeError where the command fails or writes none."""
        out = trial.folder / "metrics.jsonl"
        out.unlink(missing_ok=True)
        values = {"architecture": str(architecture), "out": str(out), "seed": trial.seed, "index": trial.index}
        known = values | {"folder": str(trial.folder), "device": trial.device if "device" in self._names else "cpu"}
        process = subprocess.Popen([word.format(**known) for word in self.words])
        last: dict[str, float] = {}
        lines = _Lines(out)
        try:
            while process.poll() is None:
                time.sleep(PULSE)
                last |= _tell(lines.new(), trial)
                if trial.stopped:
                    _end(process)
            last |= _tell(lines.new(whole=False), trial)
        finally:
            _end(process)
        if process.returncode and not trial.stopped:
            status = process.returncode
            how = f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
            raise RuntimeError(f"the command {how}")
        if not last:
            raise RuntimeError(f"the command wrote no metrics to {out}")
        return last


class _Lines:
    """The lines of a file that grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def new(self, whole: bool = True) -> Iterator[dict[str, Any]]:
        """The objects since the last time; raises ValueError. whole: leave a line without an end for later."""
        with suppress(FileNotFoundError), open(self._path, "rb") as file:
            file.seek(self._read)
            text = file.read()
            if whole:
                text = text[: text.rfind(b"\n") + 1]
            self._read += len(text)
            for line in text.splitlines():
                if line.strip():
                    found = json.loads(line)
                    if not isinstance(found, dict):
                        raise ValueError(f"{self._path} has a line that is no JSON object: {line[:100]!r}")
                    yield found


def _tell(lines: Iterator[dict[str, Any]], trial: RunningTrial) -> dict[str, float]:
    """Report what has a step; the metrics of the last line."""
    last: dict[str, float] = {}
    for line in lines:
        step = line.pop("step", None)
        last = line
        if step is not None:
            trial.report(int(step), **line)
    return last


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    if process.poll() is None:
        process.kill()
        process.wait()
