"""What was read from a record must make sense: a row that was edited or damaged is told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from loops.history import Trial, TrialStatus
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.record.rows import RunRow

TIMES = ("proposed_at", "ended_at", "proposal_seconds", "evaluation_seconds")


def check_run(run: RunRow) -> None:
    """Raise UserError for the row of a run that none can have written."""
    texts = run.reason is None or isinstance(run.reason, str)
    counted = isinstance(run.forgiven, int) and run.forgiven >= 0
    if not (isinstance(run.description, str) and texts and counted and _is_number(run.created_at)):
        raise UserError(
            f"description {run.description!r:.80}, "
            f"reason {run.reason!r:.80}, forgiven {run.forgiven!r:.80}, created_at {run.created_at!r:.80}"
        )


def complaint(trial: Trial) -> str | None:
    """Why no run can have written the trial, or None."""
    for name in TIMES:
        value = getattr(trial, name)
        if value is not None and not _is_number(value):
            return f"{name} is {value!r} and must be a number"
    if not isinstance(trial.provenance, Mapping):
        return f"its provenance is {trial.provenance!r:.80} and must be an object"
    if trial.reason is not None and not isinstance(trial.reason, str):
        return f"its reason is {trial.reason!r:.80} and must be a text"
    for name, value in trial.metrics.items():
        if not isinstance(name, str) or not name:
            return f"a metric's name is {name!r:.80} and must be a text"
        if not _is_number(value):
            return f"{name} is {value!r:.80} and must be a finite number"
    if trial.status is TrialStatus.COMPLETED and not trial.metrics:
        return "it has completed and has no metrics"
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
