"""The timings of one profile in a file of JSON lines: each is added at once, and not asked for again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bonag.profiling.timing import Timing
from search_spaces.errors import UserError

# A timing counts as calm where the reference takes no longer than this times its calm time, and as precise up to this
# relative standard error.
CALM, PRECISE = 1.2, 0.006


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
    def calm_ms(self) -> float:
        """What the reference takes when the machine is calm: in the calmest tenth of all timings."""
        return float(np.quantile([timing.reference_ms for visits in self.timings.values() for timing in visits], 0.1))

    def is_calm(self, timing: Timing) -> bool:
        """Whether the machine was calm, by all that is known now, and the timing precise."""
        return timing.reference_ms <= CALM * self.calm_ms and timing.uncertainty <= PRECISE

    def milliseconds(self, architecture: str) -> float:
        """The latency on the calm machine: by all timings in calm, the precise ones more, else by the calmest one."""
        visits = sorted(self.timings[architecture], key=lambda one: one.reference_ms)
        calm = [one for one in visits if self.is_calm(one)] or visits[:1]
        weights = [1 / (one.uncertainty**2 + PRECISE**2) for one in calm]
        return float(np.average([one.ratio for one in calm], weights=weights)) * self.calm_ms

    @property
    def slowed(self) -> float:
        """By what factor other jobs slowed the machine at worst."""
        return max(one.reference_ms for visits in self.timings.values() for one in visits) / self.calm_ms
