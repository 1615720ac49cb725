"""How fast trials end, and how long the rest will take."""

from __future__ import annotations

import numpy as np

from loops.history import History

# Trials over which the speed is measured: the first ones of a run are much faster than those that a model proposes.
WINDOW = 20
# A gap so many times as long as usual was a pause of the run.
_PAUSE = 20


def seconds_left(history: History, budget: int | None) -> float | None:
    """About how long a run takes from its last trial's end to its budget; None where nothing tells."""
    ends = sorted(trial.ended_at for trial in history.ended if trial.is_query and trial.ended_at is not None)
    gaps = np.diff(ends[-WINDOW - 1 :])
    gaps = gaps[gaps <= _PAUSE * np.median(gaps)] if len(gaps) else gaps
    if budget is None or not len(gaps):
        return None
    return max(0, budget - len(ends)) * float(gaps.mean())
