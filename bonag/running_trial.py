"""What an evaluation is given beside its architecture: seed, device, folder, and a way to tell how it goes."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bonag.whole_file import whole_file

if TYPE_CHECKING:
    from search_spaces import SearchSpace

CHECKPOINT = "checkpoint.pt"


class RunningTrial:
    """A trial while it is evaluated.

    index: of the trial. seed: of whatever is random in its evaluation, 32 bits. space: that of its architecture.
    stopped: whether the run has asked it to end early. known: metrics that need no training; they go into the record
    with whatever is reported, so that rules which end trials early know them.
    """

    def __init__(
        self,
        index: int = 0,
        seed: int = 0,
        space: SearchSpace | None = None,
        folder: Path | None = None,
        tell: Callable[[int, Mapping[str, object]], bool] = lambda step, metrics: True,
    ) -> None:
        """folder: None for one that goes with this object. tell: takes a step and its metrics; whether to go on."""
        self.index, self.seed, self.space = index, seed, space
        self.stopped = False
        self.known: dict[str, float] = {}
        self._given, self._tell = folder, tell
        self._epoch: int | None = None
        self._first, self._reports = 0, 0

    @cached_property
    def folder(self) -> Path:
        """The trial's own folder, for checkpoints, logs and plots; it stays, and the trial's page lists it."""
        if self._given is None:
            self._passing = tempfile.TemporaryDirectory(prefix="bonag-trial-")
            return Path(self._passing.name)
        self._given.mkdir(parents=True, exist_ok=True)
        return self._given

    @property
    def device(self) -> str:
        """``cuda`` where the evaluation has a GPU, which is then the only one it sees; else ``cpu``."""
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def epochs(self, n: int) -> Iterator[int]:
        """The epochs that are still to do, of n, counted from 0; ends early once the trial is stopped.

        After ``load`` it goes on behind the epoch in which ``save`` was called last.
        """
        for epoch in range(self._first, n):
            if self.stopped:
                return
            self._epoch = epoch
            yield epoch
        self._epoch = None

    def report(self, step: int | None = None, **metrics: float) -> bool:
        """Put metrics into the record at once, as a point of the trial's curve; returns whether to go on.

        step: by default the number of the epoch, counted from 1, else that of the report. Reporting a step again
        replaces it.
        """
        self._reports += 1
        if step is None:
            step = self._reports if self._epoch is None else self._epoch + 1
        if not self._tell(step, {**self.known, **metrics}):
            self.stopped = True
        return not self.stopped

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep a state (tensors, numbers, text, and lists and dictionaries of them), whole or not at all.

        Called within an epoch it says that this epoch is done, so report the epoch first. Where there is no room, the
        state before stays, the trial's output says so, and the evaluation goes on. Once the trial is stopped nothing is
        kept: evaluated again because its end was never recorded, it is to come by the step of its stop again.
        """
        import torch

        if self.stopped:
            return
        done = self._first if self._epoch is None else self._epoch + 1
        content = io.BytesIO()
        torch.save({"epochs": done, "reports": self._reports, "state": dict(state)}, content)
        try:
            with whole_file(self.folder / CHECKPOINT) as temporary:
                temporary.write_bytes(content.getbuffer())
        except OSError as error:
            print(f"no checkpoint after epoch {done}: {error.strerror}", file=sys.stderr)

    def load(self) -> dict[str, Any] | None:
        """What was saved last, on the CPU, or None; ``epochs`` then goes on from there. No code in the file can run."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return None
        import torch

        saved = torch.load(path, map_location="cpu", weights_only=True)
        self._first, self._reports = saved["epochs"], saved["reports"]
        state: dict[str, Any] = saved["state"]
        return state
