"""The timings of one profile in a file of JSON lines: each is added at once, and not asked for again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bonag.profiling.timing import CALM, Timing
from search_spaces.errors import UserError


@dataclass
class Measurements:
    """All timings of each architecture, by its string."""

    path: Path
    timings: dict[str, list[Timing]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, setup: Mapping[str, Any]) -> Measurements:
        """Those in the file, which is begun where there is none; raises UserError where they are of another setup.

        A last line that is torn, because the writer was killed, is dropped.
        """
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(setup) + "\n")
            return cls(path)
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            with open(path, "rb+") as file:
                file.truncate(len(whole))
        found = cls(path)
        try:
            header, *rows = map(json.loads, whole.decode().splitlines())
            for row in rows:
                found.timings.setdefault(row.pop("architecture"), []).append(Timing(**row))
            differing = [key for key in setup if header.get(key) != setup[key]]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(f"{path} holds no timings that can be read: remove it to measure anew ({error})") from None
        if differing:
            what = ", ".join(f"{key} {header.get(key)} and not {setup[key]}" for key in differing)
            raise UserError(f"{path} holds timings of {what}: take another name, or remove it")
        return found

    def add(self, architecture: str, timing: Timing) -> None:
        """Keep a timing."""
        self.timings.setdefault(architecture, []).append(timing)
        with open(self.path, "a") as file:
            file.write(json.dumps({"architecture": architecture, **asdict(timing)}) + "\n")

    @property
    def quiet_ms(self) -> float | None:
        """The shortest that the reference ever took, or None before the first timing."""
        return min((timing.reference_ms for visits in self.timings.values() for timing in visits), default=None)

    def is_calm(self, timing: Timing) -> bool:
        """Whether the machine was calm, by all that is known now."""
        assert self.quiet_ms is not None
        return timing.settled and timing.reference_ms <= CALM * self.quiet_ms

    def milliseconds(self, architecture: str) -> float:
        """The latency by the timing in the calmest moment; what the reference lost there, the network lost too."""
        assert self.quiet_ms is not None
        timing = min(self.timings[architecture], key=lambda one: one.slowed * one.reference_ms)
        return timing.ms if self.is_calm(timing) else timing.ms * self.quiet_ms / timing.reference_ms
