"""Trials that are given up by hand."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bonag.record import RunRecord, find_run, open_record
from loops.history import History, Trial, TrialStatus
from loops.protocols import Job
from loops.seeding import trial_seed
from loops.trial_folder import kept_outcome, trial_folder
from search_spaces import SearchSpace
from search_spaces.errors import UserError

REASON = "abandoned by hand"


def abandon(run: str | Path, *trials: int, space: SearchSpace | None = None) -> None:
    """Give up trials of a run that nobody executes: they count towards its budget, and it goes on without them.

    run: its folder, or its name in ``results``. trials: indices of running ones. space: where the record has only the
    name of a Python object. Raises UserError, and changes nothing, while the run is live, for a trial that does not
    run, and for one whose evaluation has ended and is only to be recorded.
    """
    folder = find_run(str(run))
    with open_record(folder, space) as record:
        history = record.history()
        for trial in [_running(record, history, index) for index in dict.fromkeys(trials)]:
            ended: dict[str, Any] = {"ended_at": time.time(), "ended_event": history.events}
            given_up = replace(trial, status=TrialStatus.ABANDONED, reason=REASON, **ended)
            record.finish(given_up)
            record.log.write(f"trial {trial.index} {REASON}")
            history = history.updated(given_up)


def _running(record: RunRecord, history: History, index: int) -> Trial:
    name = record.config.name
    if not 0 <= index < len(history):
        raise UserError(f"run '{name}' has no trial {index}: its {len(history)} trials are counted from 0")
    trial = history.trials[index]
    if trial.status is not TrialStatus.RUNNING:
        raise UserError(f"trial {index} of run '{name}' does not run: it is {trial.status}")
    job = Job(index, trial.architecture, trial_seed(record.config.seed, index), trial_folder(record.path, index))
    if kept_outcome(job) is not None:
        raise UserError(f"trial {index} of run '{name}' has ended: `bonag resume` records it")
    return trial
