"""Runs in TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bonag.callbacks.beginning import Beginning
from bonag.callbacks.best import BestSoFar
from bonag.callbacks.describing import choices_of, options_of
from loops.history import Trial
from loops.loop import Ended, Event, Over, Reported
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard:
    """Writes what TensorBoard shows into a folder: ``bonag.search(..., callbacks=[TensorBoard("logs")])``.

    Over the number of trials that have ended: ``metrics/<name>`` of each, and ``best/<name>`` of each goal. In the
    folder ``trial-<index>`` of each trial: its curve as ``curve/<name>`` by step, its architecture as text, and its
    choices and metrics for the page HParams. The run's options are a text. Raises UserError without the package
    tensorboard, or for a folder where nothing can be written.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            import torch.utils.tensorboard  # noqa: F401
        except ImportError:
            raise UserError("TensorBoard needs the package tensorboard: pip install 'bonag[tensorboard]'") from None
        self.folder = Path(folder)
        self._trials: dict[int, SummaryWriter] = {}

    def begin(self, run: Beginning) -> None:
        """Write the run's options, and go on behind what its trials have come to."""
        self._run = run
        self._best = BestSoFar(run.config.parsed_objective(), run.history)
        self._writer = self._open(self.folder)
        rows = "\n".join(f"| {name} | {value} |" for name, value in options_of(run).items())
        self._writer.add_text("options", f"| option | value |\n|---|---|\n{rows}", 0)
        self._writer.flush()

    def __call__(self, event: Event) -> None:
        """Write what happened."""
        if isinstance(event, Reported):
            self._write_point(event.trial)
        elif isinstance(event, Ended):
            self._write_end(event.trial)
        elif isinstance(event, Over):
            self._writer.add_text("end", f"{event.state}{f': {event.reason}' if event.reason else ''}", 0)
            for writer in [self._writer, *self._trials.values()]:
                writer.close()
            self._trials.clear()

    def _write_point(self, trial: Trial) -> None:
        point, writer = trial.curve[-1], self._writer_of(trial)
        for name, value in point.metrics.items():
            writer.add_scalar(f"curve/{name}", value, point.step)
        writer.flush()

    def _write_end(self, trial: Trial) -> None:
        from torch.utils.tensorboard.summary import hparams

        writer = self._writer_of(trial)
        values = {f"metrics/{name}": value for name, value in trial.metrics.items()}
        for summary in hparams(choices_of(self._run, trial), dict.fromkeys(values)):
            writer.file_writer.add_summary(summary)  # type: ignore[attr-defined]
        for name, value in values.items():
            writer.add_scalar(name, value, 0)
        reason = f"\n\n{trial.status}: {trial.reason}" if trial.reason else f"\n\n{trial.status}"
        writer.add_text("architecture", f"`{trial.architecture}`{reason}", 0)
        writer.close()
        del self._trials[trial.index]
        self._best.take(trial)
        for name, value in values.items():
            self._writer.add_scalar(name, value, self._best.count)
        for name, value in self._best.values.items():
            self._writer.add_scalar(f"best/{name}", value, self._best.count)
        self._writer.flush()

    def _writer_of(self, trial: Trial) -> SummaryWriter:
        if trial.index not in self._trials:
            self._trials[trial.index] = self._open(self.folder / f"trial-{trial.index}")
        return self._trials[trial.index]

    def _open(self, folder: Path) -> SummaryWriter:
        from torch.utils.tensorboard import SummaryWriter

        try:
            return SummaryWriter(str(folder))
        except OSError as error:
            raise UserError(f"cannot write into '{folder}': {error.strerror or error}") from error
