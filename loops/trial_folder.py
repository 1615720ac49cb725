"""The folders of trials, and outcomes in them: none is lost while the record cannot be written."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from loops.protocols import Job, Outcome

FILE = "outcome.json"
# In a run's folder, that of its trials.
TRIALS = "trials"
# In the folder of a trial, what its evaluation printed.
OUTPUT = "output.log"


def trial_folder(run: Path, index: int) -> Path:
    """The folder of a trial in a run's folder."""
    return run / TRIALS / str(index)


def keep_outcome(job: Job, outcome: Outcome) -> None:
    """Put the outcome on disk, in the trial's folder, unless it is there; a full disk does not matter."""
    if job.folder is None or outcome.died:
        return
    path = job.folder / FILE
    content = {
        "architecture": str(job.architecture),
        "seed": job.seed,
        "metrics": outcome.metrics,
        "reason": outcome.reason,
        "seconds": outcome.seconds,
        "stopped": outcome.stopped,
        "output": outcome.output,
    }
    with suppress(OSError):
        if path.exists():
            return
        job.folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


def kept_outcome(job: Job) -> Outcome | None:
    """The outcome that was kept of this very job, or None."""
    if job.folder is None:
        return None
    try:
        found = json.loads((job.folder / FILE).read_text(encoding="utf-8"))
        if (found["architecture"], found["seed"]) != (str(job.architecture), job.seed):
            return None
        return Outcome(
            job.index,
            found["metrics"],
            found["reason"],
            float(found["seconds"]),
            stopped=bool(found["stopped"]),
            output=found["output"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def drop_outcome(folder: Path | None) -> None:
    """Forget what was kept, for it is in the record; and the folder, if nothing else is in it."""
    if folder is not None:
        with suppress(OSError):
            (folder / FILE).unlink(missing_ok=True)
            folder.rmdir()
