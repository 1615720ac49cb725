"""What trackers are told of a run and of a trial, as names and short values."""

from __future__ import annotations

from dataclasses import asdict

from bonag.callbacks.beginning import Beginning
from loops.history import Trial


def options_of(run: Beginning) -> dict[str, str]:
    """The options of the run that are set, by name."""
    return {
        name: ", ".join(value) if isinstance(value, list | tuple) else str(value)
        for name, value in asdict(run.config).items()
        if value not in (None, "", (), [])
    }


def choices_of(run: Beginning, trial: Trial) -> dict[str, int | str]:
    """What was chosen at each place of the architecture, by the space's flat parameters."""
    return dict(run.space.to_parameters(trial.architecture))
