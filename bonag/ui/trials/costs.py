"""Parameters and MACs of trials, counted exactly where nobody measured them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from weakref import WeakKeyDictionary

from bonag.ui.view import View
from loops.history import History, Trial
from search_spaces import Architecture, Costs, SearchSpace
from search_spaces.space import COUNTED

# Some 10 MB; the counts of a 10,000 trials are made in a second at most.
REMEMBERED = 50_000

_lock = threading.Lock()
_known: OrderedDict[tuple[str, Architecture], Costs | None] = OrderedDict()
_histories: WeakKeyDictionary[View, History] = WeakKeyDictionary()


def costs(space: SearchSpace, architecture: Architecture) -> Costs | None:
    """The space's count for its default classes and image size, remembered; None where it cannot count."""
    key = (space.name, architecture)
    with _lock:
        if key in _known:
            return _known[key]
    try:
        found: Costs | None = space.costs(architecture)
    except (ValueError, NotImplementedError):
        found = None
    with _lock:
        _known[key] = found
        while len(_known) > REMEMBERED:
            _known.popitem(last=False)
    return found


def counted(view: View) -> History:
    """The view's history, in which the completed trials have ``params`` and ``macs`` among their metrics."""
    if view.space is None:
        return view.history
    with _lock:
        known = _histories.get(view)
    if known is None:
        known = History(_with_costs(view.space, trial) for trial in view.history)
        with _lock:
            _histories[view] = known
    return known


def _with_costs(space: SearchSpace, trial: Trial) -> Trial:
    if not trial.metrics or all(name in trial.metrics for name in COUNTED):
        return trial
    found = costs(space, trial.architecture)
    if found is None:
        return trial
    # What the evaluator measured is what the run was judged by.
    return replace(trial, metrics={**{name: float(getattr(found, name)) for name in COUNTED}, **trial.metrics})
