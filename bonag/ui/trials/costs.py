"""Parameters and MACs of trials, counted exactly where nobody measured them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from bonag.ui.source import View
from loops.history import History, Trial
from search_spaces import Architecture, Costs, SearchSpace

COUNTED = ("params", "macs")


# Some 10 MB; the counts of 10,000 trials are made in a second at most.
@lru_cache(maxsize=50_000)
def count_costs(space: SearchSpace, architecture: Architecture) -> Costs | None:
    """The space's count for its default classes and image size; None where it cannot count."""
    try:
        return space.costs(architecture)
    except (ValueError, NotImplementedError):
        return None


@lru_cache(maxsize=8)
def with_costs(view: View) -> History:
    """The view's history, in which the completed trials have ``params`` and ``macs`` among their metrics."""
    return view.history if view.space is None else History(_counted(view.space, trial) for trial in view.history)


def _counted(space: SearchSpace, trial: Trial) -> Trial:
    if not trial.metrics or all(name in trial.metrics for name in COUNTED):
        return trial
    found = count_costs(space, trial.architecture)
    if found is None:
        return trial
    # What the evaluator measured is what the run was judged by.
    return replace(trial, metrics={**{name: float(getattr(found, name)) for name in COUNTED}, **trial.metrics})
